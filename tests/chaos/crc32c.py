"""CRC-32C (Castagnoli; RFC 3720 §12.1), so that nothing of the relay's own judges its files."""

POLYNOMIAL = 0x82F63B78


def _row(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


TABLE = [_row(byte) for byte in range(256)]


def crc32c(content, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
