"""Messages about videos: what is wrong, and what to do."""

from __future__ import annotations

from vlft.dataset.media.picture import MediaProblem
from vlft.dataset.media.problems import shown

_H264 = "ffmpeg -i OLD -c:v libx264 -pix_fmt yuv420p NEW.mp4"


def cut_video(name: str, why: str) -> MediaProblem:
    """A video that breaks off, and takes the trainer with it."""
    hint = "copy or download it again, or leave the row out"
    return MediaProblem("cut_video", f"{shown(name)} is cut off: {why}", hint)


def short_video(name: str, why: str, frames: int) -> MediaProblem:
    """A video that breaks off, of which the trainer takes what is there."""
    message = f"{shown(name)} is cut off: {why}; {frames} frames of it are trained on"
    return MediaProblem("short_video", message, "copy or download it again")


def broken_video(name: str, why: str) -> MediaProblem:
    """A video that the reader gives up on."""
    hint = "copy or download it again, or leave the row out"
    return MediaProblem("video_unreadable", f"{shown(name)} can't be read: {why}", hint)


def other_codec(name: str, codec: str) -> MediaProblem:
    """A video that is newer than the reader's decoders."""
    message = f"{shown(name)} is {codec.upper()}, which decord 0.6 has no decoder for"
    return MediaProblem("video_unreadable", message, f"convert it: {_H264}")


def no_length(name: str) -> MediaProblem:
    """A video that does not say how long it is, as recordings of live streams."""
    message = f"{shown(name)} tells neither its frames nor its length, and decord refuses it"
    return MediaProblem("video_unreadable", message, "write it anew: ffmpeg -i OLD -c copy NEW.mp4")


def uncounted(name: str) -> MediaProblem:
    """A video without a number of frames in its header, for PyAV in transformers."""
    message = f"the header of {shown(name)} does not count its frames, and transformers needs it"
    hint = "write it anew: ffmpeg -i OLD -c copy NEW.mp4; or set env.VIDEO_LOAD_BACKEND: decord"
    return MediaProblem("video_unreadable", message, hint)


def narrow(name: str, width: int) -> MediaProblem:
    """A width whose lines decord takes for another form of picture."""
    message = f"{shown(name)} is {width} pixels wide, of which decord 0.6 makes no frames"
    return MediaProblem("video_unreadable", message, "scale it to a width that 32 divides")


def unjudged(name: str, why: str) -> MediaProblem:
    """A video whose frames can't be told here."""
    message = f"the frames of {shown(name)} are not counted: {why}"
    return MediaProblem("video_unjudged", message, f"convert it: {_H264}")


def without_av(name: str) -> MediaProblem:
    """No package here reads videos."""
    message = f"the frames of {shown(name)} are not counted: PyAV is not installed here"
    return MediaProblem("video_unjudged", message, "pip install 'vlft[data]' brings it")


def no_reader(name: str) -> MediaProblem:
    """No package of the trainer reads videos."""
    message = f"nothing is installed for the trainer that reads {shown(name)}"
    hint = "pip install decord (for -hf checkpoints of InternVL: av) where ms-swift is"
    return MediaProblem("no_video_reader", message, hint)


def in_the_row(reference: str) -> MediaProblem:
    """A video as text in the row, which only InternVL's own form decodes."""
    message = f"{shown(reference)} is a video as text, and its reader takes files alone"
    return MediaProblem("video_unreadable", message, "save it as a file and name that")


def frames_refused(frames: int) -> MediaProblem:
    """A list of pictures as a video, for InternVL's own form."""
    message = f"a video is a list of {frames} frames, and ms-swift's InternVL takes files alone"
    return MediaProblem("video_unreadable", message, "make a file of them, or name them as images")


def no_track(name: str) -> MediaProblem:
    """A file of sound alone."""
    message = f"{shown(name)} has no track of pictures"
    return MediaProblem("video_unreadable", message, "name the film, or leave the row out")
