"""Certificates for the tests of TLS, made by the openssl command."""

import os
import ssl
import subprocess

from appliance import NOBODY


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Certificates made by the openssl command, in a directory of the appliance's."""

    def __init__(self, directory, name):
        self.ca = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self._key, "-out", self.ca, "-subj", f"/CN={name}", "-days", "2")

    def issue(self, certificate, key, subject):
        """For 127.0.0.1, in place of what is there."""
        request, extension = certificate.with_suffix(".csr"), certificate.with_suffix(".ext")
        extension.write_text("subjectAltName = IP:127.0.0.1, DNS:control.test\n")
        fresh = key.with_suffix(".new")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", fresh, "-out", request,
                "-subj", f"/CN={subject}")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key,
                "-CAcreateserial", "-days", "1", "-extfile", extension, "-out", certificate)
        os.chmod(fresh, 0o400)
        if os.geteuid() == 0:
            os.chown(fresh, NOBODY.pw_uid, NOBODY.pw_gid)
        os.replace(fresh, key)

    def context(self):
        """That tells an end from a cut: left to itself, Python may take the second for the first."""
        out = ssl.create_default_context(cafile=self.ca)
        out.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        return out
