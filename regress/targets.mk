# check, soak, demo: filled by regress
