"""Certificates for peers of the end-to-end tests: an authority of the test's own, servers below it, and TLSA data of them."""
import hashlib
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, input=text).stdout


class Authority:
    def __init__(self, directory, name="authority"):
        self.directory, self.name = directory, name
        self.path = f"{directory}/{name}.pem"
        openssl("req", "-x509", *KEY, "-days", "9", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign", "-keyout", f"{directory}/{name}.key", "-out", self.path)

    def issue(self, name, names, days=2):
        """NAME.pem, with the authority's behind it, and NAME.key."""
        d = self.directory
        openssl("req", "-new", *KEY, "-subj", f"/CN={names[0]}", "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.csr")
        with open(f"{d}/{name}.ext", "w") as f:
            f.write("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\n")
        openssl("x509", "-req", "-in", f"{d}/{name}.csr", "-CA", self.path, "-CAkey", f"{d}/{self.name}.key", "-CAcreateserial",
                "-days", str(days), "-extfile", f"{d}/{name}.ext", "-out", f"{d}/{name}.pem")
        with open(f"{d}/{name}.pem", "a") as f, open(self.path) as own:
            f.write(own.read())


def tlsa(path, usage=3, selector=1, matching=1):
    """Of the first certificate of a file: "3 1 1 abcd..."."""
    if selector == 0:
        data = openssl("x509", "-in", path, "-outform", "DER")
    else:
        data = openssl("pkey", "-pubin", "-outform", "DER", text=openssl("x509", "-in", path, "-noout", "-pubkey"))
    digest = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}[matching]
    return f"{usage} {selector} {matching} {digest.hex()}"
