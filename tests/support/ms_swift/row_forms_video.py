"""Rows with videos, each with the fate that vlft predicts for it; as in `row_forms`.

Beside the pictures lie the files of `video_rows`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from support.ms_swift.row_forms import Form, part, talk, text, user
from support.video_files import odd_videos, video


def video_rows(home: Path) -> None:
    """The files that the forms name; clip.mp4 has 48 frames of 160x120, ten a second."""
    made = odd_videos(home)
    shutil.copy(made["b frames"], home / "clip.mp4")
    video(home / "other.flv", "flv")


def film(*names: Any, question: str = "<video>what?", **more: Any) -> dict[str, Any]:
    return text(question, "a film", videos=list(names), **more)


def asked(**limits: Any) -> dict[str, Any]:
    """A row with limits of its own."""
    return film("clip.mp4", chat_template_kwargs=limits)


FRAMES = ["a.jpg"] * 5
VIDEO_FORMS = [
    Form("a video", [film("clip.mp4"), text()], "oo"),
    Form("two videos", [film("clip.mp4", "m.mkv", question="<video>a<video>b")], "o"),
    Form("the same video twice", [film("clip.mp4", "clip.mp4", question="<video><video>")], "o"),
    Form(
        "a video and a picture",
        [film("clip.mp4", question="<image><video>", images=["a.jpg"])],
        "o",
    ),
    Form(
        "a picture after a video",
        [film("clip.mp4", question="<video><image>", images=["a.jpg"])],
        "o",
    ),
    Form("no tag", [film("clip.mp4", question="what?")], "o"),
    Form("a tag too few", [film("clip.mp4", "m.mkv")], "s"),
    Form("a tag too many", [film("clip.mp4", question="<video>a<video>b")], "s"),
    Form(
        "a part",
        [
            talk(
                user([part("video", "clip.mp4"), part("text", "q")]),
                {"role": "assistant", "content": [part("text", "a")]},
            )
        ],
        "o",
    ),
    Form("column video", [text("<video>q", video="clip.mp4")], "o"),
    Form(
        "files that are read",
        [film(f"{name}.mp4") for name in ("u", "f", "s", "2", "slow", "turned", "late", "short")],
        "oooooooo",
    ),
    Form(
        "other containers", [film(name) for name in ("m.mkv", "n.webm", "d.avi", "o.mkv")], "oooo"
    ),
    Form(
        "files that are not read",
        [film(f"{name}.mp4") for name in ("gone", "1", "v", "w", "a", "side", "cut")]
        + [film(name) for name in ("l.mkv", "g.gif", "note.txt", "a.jpg", "empty.jpg", "pictures")],
        "rrrrrrrrrrrrr",
    ),
    Form("cut mkv", [film("cut.mkv")], "s"),
    Form("not followed", [film("other.flv")], "u"),
    Form("fps", [asked(fps=1), asked(fps=9), asked(fps=0.1)], "ooo"),
    Form("nframes", [asked(nframes=6), asked(nframes=48)], "oo"),
    Form("too many frames", [asked(nframes=60), text()], "ro"),
    Form("fps and nframes", [asked(fps=1, nframes=6)], "r"),
    Form("a piece", [asked(video_start=0.5, video_end=2.0)], "o"),
    Form("no piece", [asked(video_start=2.0, video_end=2.01)], "r"),
    Form("pixels", [asked(max_pixels=150_000), asked(max_pixels=40_000)], "or"),
    Form("least above most", [asked(min_pixels=90_000, max_pixels=40_000)], "r"),
    Form("size asked for", [asked(resized_height=56, resized_width=84)], "o"),
    Form("too long", [film("clip.mp4"), text()], "ro", options={"max_length": 300}),
    Form("fits", [film("clip.mp4"), text()], "oo", options={"max_length": 700}),
    Form(
        "cut to length", [film("clip.mp4")], "s", options={"max_length": 300, "truncation": "right"}
    ),
    Form("frames", [film(FRAMES), film(FRAMES[:1])], "oo"),
    Form("frames of two sizes", [film(["a.jpg", "b.png"])], "r"),
    Form("a frame that is not there", [film(["a.jpg", "no.jpg"])], "r"),
    Form("numbers", [film(5)], "r"),
    Form("text of a video", [film("data:video/mp4;base64,AAAA")], "r"),
]
