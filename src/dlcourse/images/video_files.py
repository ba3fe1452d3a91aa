"""Reads the frames of video files, and writes an .mp4 of changed frames with the times and the sound of the first.

FFmpeg decodes and encodes, through PyAV, which is an optional dependency.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from dlcourse.files.atomic import atomic_write
from dlcourse.files.bounded import length_of, open_file
from dlcourse.images.animation import add_h264, check_pyav, video_frame
from dlcourse.images.files import MAX_SIDE

if TYPE_CHECKING:
    from av import AudioStream, Packet, VideoFrame
    from av.container import InputContainer, OutputContainer

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"  # no playlists: they name other files and addresses
COPIED = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}  # sound as it is in an .mp4; other sound becomes AAC
ATTACHED = 0x400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC: the cover of an album
UNSPECIFIED, HD = 2, 720  # FFmpeg's code of no colour space; the height from which players assume BT.709 then
MAX_PIXELS = 2**25  # of a frame, 34 million: 8K; a decoder may hold 17 of them
MAX_MISSING = 0.5  # seconds that a whole file may be shorter than it states
TICKS = 90_000  # units of time of a written video are about 1 / TICKS s
MAX_RATE = Fraction(1000)  # frames per second

Paint = Callable[[Image.Image], Image.Image]


def is_video(path: str | Path) -> bool:
    """Whether a file has the name of a video."""
    return Path(path).suffix.lower() in SUFFIXES


class Video:
    """A video file that `open_video` has opened: its first video stream, and its best sound, if there is any.

    Iterating, which is possible once, yields each packet of the two with the frames decoded from it; of sound, none.
    ValueError, "PATH: reason", for a damaged file.
    """

    def __init__(self, path: Path, container: "InputContainer"):
        streams = [one for one in container.streams.video if not int(one.disposition) & ATTACHED]
        if not streams:
            raise ValueError(f"{path}: has no video in it")
        context = streams[0].codec_context
        if context is None:
            raise ValueError(f"{path}: a video of a kind that PyAV cannot decode")
        check_size(path, context.width, context.height)
        context.options = {"max_pixels": str(MAX_PIXELS * 9 // 8)}  # the size may change; FFmpeg counts the padding
        self.path, self.container, self.stream = path, container, streams[0]
        self.sound: AudioStream | None = container.streams.best("audio")  # type: ignore[assignment]
        self.streams = [one for one in (self.stream, self.sound) if one is not None]
        rate = fraction(streams[0].average_rate or streams[0].guessed_rate or 25)
        self.rate = min(MAX_RATE, rate).limit_denominator(10_000)
        self.start = min(map(start_of, self.streams))  # seconds

    def __iter__(self) -> Iterator[tuple["Packet", list["VideoFrame"]]]:
        end = self.start
        with reasons(self.path):
            for packet in self.container.demux(self.streams):
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * fraction(packet.time_base))
                yield packet, packet.decode() if packet.stream is self.stream else []  # type: ignore[misc]
        read, stated = float(end - self.start), (self.container.duration or 0) / 1e6
        if read < stated - MAX_MISSING:
            raise ValueError(f"{self.path}: a broken video (it ends after {read:.1f} of {stated:.1f} s)")

    def images(self) -> Iterator[Image.Image]:
        """The frames as images; ValueError if there are none."""
        frame = None
        for _, frames in self:
            for frame in frames:
                yield self.image(frame)
        if frame is None:
            raise ValueError(f"{self.path}: has no frames in it")

    def image(self, frame: "VideoFrame") -> Image.Image:
        """A frame as an RGB image: upright, and of square pixels."""
        check_size(self.path, frame.width, frame.height)
        is_guessed = frame.colorspace == UNSPECIFIED and min(frame.width, frame.height) >= HD
        image = frame.to_image(**({"src_colorspace": "ITU709"} if is_guessed else {}))
        shape = fraction(self.stream.sample_aspect_ratio or 1)  # width of a pixel / its height
        if shape != 1:
            width, height = max(1, round(image.width * shape)), image.height
            check_size(self.path, width, height)
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        return image.rotate(90 * round(frame.rotation / 90), expand=True)  # counterclockwise, as FFmpeg's angle


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video file for reading; nothing else than the file is read.

    ValueError, "PATH: reason", for no file, no video, or one of more than MAX_PIXELS; UserError without PyAV.
    """
    check_pyav("a video")
    import av

    try:
        file = open_file(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    with file:
        if length_of(path) == 0:
            raise ValueError(f"{path}: an empty file")
        try:
            container = av.open(file, "r", options={"format_whitelist": FORMATS, "protocol_whitelist": ""})
        except (av.FFmpegError, ValueError, OSError) as error:
            raise ValueError(f"{path}: not a video that can be read ({', '.join(SUFFIXES)})") from error
        with container:
            yield Video(path, container)


def count_frames(path: Path) -> int:
    """The number of frames, all of which are decoded, at least 1; ValueError, "PATH: reason", for a broken video."""
    with open_video(path) as video:
        if found := sum(len(frames) for _, frames in video):
            return found
    raise ValueError(f"{path}: has no frames in it")


def repaint(source: Path, output: Path, paint: Paint) -> None:
    """Write the video of painted frames, each at its time, with the sound of `source`, whole or not at all.

    Frames are read, painted and written one at a time.

    Args:
        source: a video file.
        output: an .mp4; its folder exists. Sound in COPIED stays as it is, packet by packet.
        paint: called with each frame, upright and RGB, in order; returns images of one size.

    ValueError, "SOURCE: reason", for a broken video; OSError if it cannot be written.
    """
    import av

    with (
        open_video(source) as video,
        atomic_write(output) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        write_sound, time_of, stream = sound_writer(container, video), Clock(video), None
        waiting: list[Packet] = []  # sound, until the size is known, as nothing can be written before
        for packet, frames in video:
            for frame in frames:
                image = even(paint(video.image(frame)))
                if stream is None:
                    stream = add_h264(container, image.size, video.rate)
                    stream.codec_context.time_base = time_of.unit
                if image.size != (stream.width, stream.height):
                    raise ValueError(f"{source}: its frames have several sizes")
                painted = video_frame(image)
                painted.pts, painted.time_base = time_of(frame), time_of.unit
                with reasons(source, "times that an .mp4 cannot hold"):
                    container.mux(stream.encode(painted))
            waiting += [packet] if packet.stream is video.sound else []
            while stream and waiting:
                with reasons(source, "sound that an .mp4 cannot hold"):
                    write_sound(waiting.pop(0))
        if stream is None:
            raise ValueError(f"{source}: has no frames in it")
        container.mux(stream.encode(None))


class Clock:
    """Gives frames their times from the start of the video, in whole units of `unit` seconds.

    Times that a file states as rounded, such as 33 ms, 67 ms, become those of its frame rate, such as 1001/30000 s.
    """

    def __init__(self, video: Video):
        self.rate = video.rate
        self.unit = Fraction(1, self.rate.numerator * max(1, TICKS // self.rate.numerator))
        self.start, self.first = video.start, start_of(video.stream)
        self.last = -1

    def __call__(self, frame: "VideoFrame") -> int:
        if frame.pts is None or frame.time_base is None:
            self.last += round(1 / self.rate / self.unit) if self.last >= 0 else 1
            return self.last
        tick = fraction(frame.time_base)
        since = frame.pts * tick - self.first
        regular = round(since * self.rate) / self.rate
        since = regular if abs(since - regular) <= tick else since
        self.last = max(self.last + 1, round((since + self.first - self.start) / self.unit))
        return self.last


def sound_writer(container: "OutputContainer", video: Video) -> Callable[["Packet"], None]:
    """A function that writes a packet of the video's sound: as it is, or decoded and encoded as AAC."""
    from av import AudioResampler

    sound = video.sound
    if sound is None:
        return lambda packet: None
    if sound.codec_context.codec.canonical_name in COPIED:
        copied = container.add_stream_from_template(sound)

        def copy(packet: "Packet") -> None:
            if packet.dts is None:  # marks the end
                return
            start = round(video.start / fraction(packet.time_base))
            packet.pts, packet.dts = (packet.dts if packet.pts is None else packet.pts) - start, packet.dts - start
            packet.stream = copied
            container.mux(packet)

        return copy
    encoded = container.add_stream("aac", rate=48_000)
    encoded.layout = layout = "mono" if sound.codec_context.channels == 1 else "stereo"
    resampler = AudioResampler("fltp", layout, 48_000)

    def encode(packet: "Packet") -> None:
        frames: list[Any] = [*packet.decode(), *([] if packet.size else [None])]  # the last, empty packet ends it
        for frame in frames:
            if frame is not None and frame.pts is not None:
                frame.pts -= round(video.start / fraction(frame.time_base))
            for resampled in resampler.resample(frame):
                container.mux(encoded.encode(resampled))
            if frame is None:
                container.mux(encoded.encode(None))

    return encode


@contextmanager
def reasons(path: Path, what: str = "") -> Iterator[None]:
    """Turn an error of FFmpeg about the data, not about the disk, into ValueError, "PATH: a broken video (reason)"."""
    import av

    try:
        yield
    except (av.FFmpegError, OverflowError) as error:
        if what and isinstance(error, OSError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: a broken video ({what or reason})") from error


def check_size(path: Path, width: int, height: int) -> None:
    """Raise ValueError for frames beyond the limits."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        limits = f"at most {MAX_PIXELS / 1e6:.0f} million pixels, {MAX_SIDE} per side"
        raise ValueError(f"{path}: refused as too large ({width} x {height}; {limits})")


def even(image: Image.Image) -> Image.Image:
    """An image of even width and height, as H.264 needs them, with the last column and row repeated if need be."""
    right, bottom = image.width % 2, image.height % 2
    if not right and not bottom:
        return image
    enlarged = Image.new("RGB", (image.width + right, image.height + bottom))
    for place in ((right, bottom), (right, 0), (0, bottom), (0, 0)):
        enlarged.paste(image, place)
    return enlarged


def fraction(value: Any) -> Fraction:
    """A rational number of PyAV, whose class depends on its version."""
    return Fraction(value.numerator, value.denominator)


def start_of(stream: Any) -> Fraction:
    """When a stream begins, in seconds."""
    return (stream.start_time or 0) * fraction(stream.time_base)
