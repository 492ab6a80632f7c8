"""What a reference to a picture, video or sound in a row is."""

from vlft.dataset.media.film import Film
from vlft.dataset.media.look import MediaProbe
from vlft.dataset.media.picture import MediaKind, MediaProblem, Picture
from vlft.dataset.media.probe import probe_bytes, probe_picture

__all__ = [
    "Film",
    "MediaKind",
    "MediaProbe",
    "MediaProblem",
    "Picture",
    "probe_bytes",
    "probe_picture",
]
