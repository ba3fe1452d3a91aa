"""Tiny videos with a tone, made with PyAV."""

from fractions import Fraction

import av
import numpy as np

RATE = Fraction(30000, 1001)


def write_film(path, count=6, rate=RATE, rotation=0, sound="aac", times=None, size=(64, 48), **options):
    """A red square in the upper left corner, a green bar that moves to the right, and a tone of 440 Hz.

    `times`: of the frames, in 1/600 s, if they are not regular.
    """
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        unit = 1 / rate
        if times:
            unit = video.codec_context.time_base = Fraction(1, 600)
        if rotation:
            video.set_display_rotation(rotation)
        tone = container.add_stream(sound, rate=44100) if sound else None
        for number, time in enumerate(times or range(count)):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[:24, :32] = (250, 20, 20)
            picture[24:, 4 * number : 4 * number + 8] = (20, 220, 20)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = time, unit
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if tone:
            write_tone(container, tone, int(44100 * count / rate))
    return path


def write_tone(container, stream, length):
    wave = (0.3 * np.sin(np.arange(length) * 2 * np.pi * 440 / 44100)).astype(np.float32)[None]
    to_kind = av.AudioResampler(stream.codec_context.format.name, "mono", 44100)
    for start in range(0, length, 1024):
        frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, start
        for converted in to_kind.resample(frame):
            container.mux(stream.encode(converted))
    container.mux(stream.encode(None))


def sound_of(path):
    """The packets of a video's sound, with their times in seconds."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        return [(round(float(one.pts * one.time_base), 6), bytes(one)) for one in container.demux(stream) if one.size]


def film_facts(path):
    """Frame rate, size, and the times of all frames in seconds."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        times = [round(float(frame.pts * frame.time_base), 6) for frame in container.decode(stream)]
        return stream.average_rate, (stream.width, stream.height), times
