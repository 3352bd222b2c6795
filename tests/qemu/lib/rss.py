# SPDX-License-Identifier: BSD-2-Clause
"""The hash by which a card assigns frames to its receive queues (receive-side scaling)."""
import socket
import struct

RETA_ENTRIES = 128

# Of Microsoft's "Verifying the RSS Hash Calculation".
MICROSOFT_KEY = "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"


def toeplitz(key, source, target, ports=None):
    """The hash of an IPv4 datagram, by its addresses and its ports, if given, with a key of 80 hexadecimal
    digits."""
    data = socket.inet_aton(source) + socket.inet_aton(target)
    if ports:
        data += struct.pack(">HH", *ports)
    bits, number, key, result = 8 * len(data), int.from_bytes(data, "big"), int(key, 16), 0
    for bit in range(bits):
        if number >> (bits - 1 - bit) & 1:
            result ^= key >> (320 - 32 - bit) & 0xFFFFFFFF
    return result


def queue_of(key, queues, source, target, ports=None):
    """The queue, where the redirection table names all queues in turn."""
    return toeplitz(key, source, target, ports) % RETA_ENTRIES % queues
