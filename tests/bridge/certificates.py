"""A certificate authority of the test's own, and what it signed."""
import datetime
import subprocess


def _openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)


def _authority(folder, name):
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             f"/CN=Xylem test {name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.pem")


#: Of `openssl ca`, which alone says from when to when.
CA = """[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca-key.pem
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
"""


def _signed(folder, name, host, begin=-1, end=2):
    """`begin` and `end`: days from now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    first, last = (f"{now + datetime.timedelta(days=days):%Y%m%d%H%M%SZ}" for days in (begin, end))
    (folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout",
             f"{name}-key.pem", "-out", f"{name}.csr")
    _openssl(folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-rand_serial", "-in",
             f"{name}.csr", "-startdate", first, "-enddate", last, "-extfile", f"{name}.ext",
             "-out", f"{name}.pem")
    # RabbitMQ's user reads it; in a test that is nobody else.
    (folder / f"{name}-key.pem").chmod(0o644)


def make_certificates(folder):
    """ca.pem, other.pem (which signed nothing but itself), and server and client with their keys;
    the server's is for 127.0.0.1, and not for localhost. Beside them some that nobody should trust.
    """
    _authority(folder, "ca")
    _authority(folder, "other")
    (folder / "ca.cnf").write_text(CA)
    (folder / "index.txt").touch()
    _signed(folder, "server", "IP:127.0.0.1")
    _signed(folder, "client", "DNS:client")
    _signed(folder, "named", "DNS:127.0.0.1")
    _signed(folder, "expired", "IP:127.0.0.1", begin=-3, end=-1)
    _signed(folder, "future", "IP:127.0.0.1", begin=1, end=3)
    return folder
