"""What a reference to a picture, video or sound in a row is."""

from vlft.data.media.headers import probe_bytes, probe_picture
from vlft.data.media.picture import MediaKind, MediaProblem, Picture, Unopened
from vlft.data.media.resolve import MediaProbe
from vlft.data.media.video import Film

__all__ = [
    "Film",
    "MediaKind",
    "MediaProbe",
    "MediaProblem",
    "Picture",
    "Unopened",
    "probe_bytes",
    "probe_picture",
]
