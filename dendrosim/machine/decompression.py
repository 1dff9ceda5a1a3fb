"""Decompresses bytes that anybody may have compressed."""

import zlib


def decompress(packed: bytes, size: int) -> bytes:
    """Return the content of zlib's format.

    Parameters
    ----------
    packed : bytes
        The compressed content.
    size : int
        Number of bytes that it must have. No more than this is decompressed: a kilobyte can grow to a megabyte.

    Raises
    ------
    ValueError
        If the content is damaged, or has another size.
    """
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"it is damaged ({error})") from None
    if len(content) != size or not unpacking.eof:
        raise ValueError(f"it does not have the {size} bytes that it should have")
    return content
