"""Decompresses bytes that anybody may have compressed."""

import zlib


def decompress(packed: bytes, size: int) -> bytes:
    """Decompress bytes that zlib has compressed.

    Parameters
    ----------
    packed : bytes
        The compressed bytes.
    size : int
        Number of bytes that the result must have. No more bytes are decompressed, because a kilobyte can grow to a
        megabyte.

    Raises
    ------
    ValueError
        If the bytes are damaged, or the result has another size.
    """
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"it is damaged ({error})") from None
    if len(content) != size or not unpacking.eof:
        raise ValueError(f"it does not have the {size} bytes that it should have")
    return content
