"""Drawing with Pillow, in the coordinates of an image which is drawn larger than it is returned."""

from PIL import Image, ImageDraw

OVERSAMPLING = 3  # images are drawn so many times larger, then reduced: edges and thin strokes get smooth


class Pen:
    """Draws on a large image in the coordinates of the small one; colours are RGB(A) in 0..255."""

    def __init__(self, image: Image.Image):
        self.image = image
        self.draw = ImageDraw.Draw(image, image.mode)

    def polygon(self, points, color) -> None:
        """Fill the polygon with corners `points`."""
        self.draw.polygon([(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points], fill=_rgb(color))

    def rectangle(self, left: float, top: float, right: float, bottom: float, color) -> None:
        """Fill an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def line(self, points, color, width: float) -> None:
        """Join `points` by a line, at least one pixel of the large image wide."""
        points = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
        self.draw.line(points, fill=_rgb(color), width=max(1, round(width * OVERSAMPLING)), joint="curve")

    def disc(self, x: float, y: float, radius_x: float, radius_y: float, color) -> None:
        """Fill an ellipse around (x, y)."""
        box = (x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        self.draw.ellipse([side * OVERSAMPLING for side in box], fill=_rgb(color))


def _rgb(color) -> tuple[int, ...]:
    return tuple(int(min(255, max(0, value))) for value in color)


def shade(color, factor: float) -> tuple[float, ...]:
    """The colour, darker for a factor below 1 and lighter above."""
    return tuple(value * factor for value in color)
