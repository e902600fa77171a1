# install: filled by etc
