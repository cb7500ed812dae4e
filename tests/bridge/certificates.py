"""A certificate authority of the test's own, and what it signed."""
import subprocess


def _openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)


def _authority(folder, name):
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             f"/CN=Xylem test {name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.pem")


def _signed(folder, name, host):
    (folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout",
             f"{name}-key.pem", "-out", f"{name}.csr")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
             "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    # RabbitMQ's user reads it; in a test that is nobody else.
    (folder / f"{name}-key.pem").chmod(0o644)


def make_certificates(folder):
    """ca.pem, other.pem (which signed nothing), and server and client with their keys; the server's
    is for 127.0.0.1, and not for localhost."""
    _authority(folder, "ca")
    _authority(folder, "other")
    _signed(folder, "server", "IP:127.0.0.1,DNS:127.0.0.1")
    _signed(folder, "client", "DNS:client")
    return folder
