# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of the sample mails: photo-like scenes and a screenshot. Deterministic; only Pillow."""
import io
import math
import random

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageMath


def fractal_noise(size, seed, octaves=6, stretch=1.0, roughness=0.55):
    """Clouds, rock and grass are all this: smooth noise in several sizes, mode F, about 0 to 1."""
    chance = random.Random(seed)
    total, weight, weights = None, 1.0, 0.0
    for octave in range(octaves):
        cells = 3 << octave
        small = (max(2, int(cells / stretch)), max(2, int(cells * size[1] / size[0])))
        layer = Image.frombytes("L", small, chance.randbytes(small[0] * small[1])).convert("F").resize(size, Image.BICUBIC)
        total = layer if total is None else ImageMath.eval("t + l * w", t=total, l=layer, w=weight)
        if octave == 0:
            total = ImageMath.eval("t * w", t=total, w=weight)
        weights += weight
        weight *= roughness
    return ImageMath.eval("t / w", t=total, w=weights * 255.0)


def to_mask(values, low, high):
    """Mode F to a mask: 0 below low, 255 above high, a ramp between."""
    return ImageMath.eval("convert(min(max((v - l) / (h - l), 0.0), 1.0) * 255, 'L')", v=values, l=low, h=high)


def gradient(size, stops):
    """Vertical; stops: (height share, colour)."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        share = y / size[1]
        for (above, first), (below, second) in zip(stops, stops[1:]):
            if above <= share <= below:
                part = (share - above) / (below - above)
                column.putpixel((0, y), tuple(round(a + (b - a) * part) for a, b in zip(first, second)))
    return column.resize(size)


def ridge(width, seed, roughness):
    """Heights of a mountain line by midpoint displacement, -1 to 1."""
    chance = random.Random(seed)
    points = [chance.uniform(-0.4, 0.4), chance.uniform(-0.4, 0.4)]
    amplitude = 0.8
    while len(points) < width:
        wider = []
        for left, right in zip(points, points[1:]):
            wider += [left, (left + right) / 2 + chance.uniform(-amplitude, amplitude)]
        points = wider + [points[-1]]
        amplitude *= roughness
    return [points[int(x * (len(points) - 1) / (width - 1))] for x in range(width)]


def below_line(size, heights):
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([(0, size[1]), *enumerate(heights), (size[0], size[1])], fill=255)
    return mask


def rock(size, seed, dark, light):
    """Lit slopes: the noise minus itself, shifted towards the light."""
    right, down = size[0] // 160 + 1, size[1] // 90 + 1  # a margin, for what the shift brings in at the edges
    noise = fractal_noise((size[0] + right, size[1] + down), seed, 8, roughness=0.65)
    slope = ImageMath.eval("n - s + 0.5", n=noise.crop((0, down, size[0], size[1] + down)), s=noise.crop((right, 0, size[0] + right, size[1])))
    return Image.composite(Image.new("RGB", size, light), Image.new("RGB", size, dark), to_mask(slope, 0.42, 0.58))


def mountains(picture, seed, base, reach, dark, light, haze, haze_share, snow_line=None):
    size = picture.size
    heights = [base * size[1] - value * reach * size[1] for value in ridge(size[0], seed, 0.52)]
    layer = rock(size, seed + 1, dark, light)
    if snow_line is not None:
        level = Image.new("F", (1, size[1]))
        for y in range(size[1]):
            level.putpixel((0, y), (snow_line - y / size[1]) * 6)
        patches = ImageMath.eval("l + n", l=level.resize(size), n=fractal_noise(size, seed + 2, 8, roughness=0.7))
        layer.paste(rock(size, seed + 3, (176, 190, 214), (250, 251, 255)), mask=to_mask(patches, 0.45, 0.6))
    layer = Image.blend(layer, Image.new("RGB", size, haze), haze_share)
    picture.paste(layer, mask=below_line(size, heights).filter(ImageFilter.GaussianBlur(0.8)))


def clouds(picture, seed, colour, amount):
    mask = to_mask(fractal_noise(picture.size, seed, 7, stretch=2.2), 0.52 - amount, 0.82 - amount)
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask.point(lambda value: value * 0.85))


def tree(draw, chance, x, foot, height, colour):
    """A fir: branches left and right, longer towards the foot."""
    draw.rectangle((x - height * 0.02, foot - height * 0.2, x + height * 0.02, foot), fill=colour)
    level = 0.0
    while level < 1.0:
        reach = height * (0.03 + 0.2 * level) * chance.uniform(0.7, 1.15)
        y = foot - height * (1 - level * 0.85)
        draw.polygon([(x, y - height * 0.08), (x - reach, y + height * 0.05), (x + reach, y + height * 0.05)], fill=colour)
        level += 0.07


def darker_or_lighter(chance, colour):
    factor = chance.uniform(0.6, 1.4)
    return tuple(min(255, round(part * factor)) for part in colour)


def shore(picture, seed, top, colours, tree_colour):
    size, chance = picture.size, random.Random(seed)
    heights = [top * size[1] - value * 0.03 * size[1] for value in ridge(size[0], seed, 0.6)]
    grass = rock(size, seed + 5, *colours)
    picture.paste(grass, mask=below_line(size, heights))
    draw = ImageDraw.Draw(picture)
    for _ in range(26):
        x = chance.choice([chance.uniform(-0.02, 0.3), chance.uniform(0.72, 1.02)]) * size[0]
        foot = heights[min(max(int(x), 0), size[0] - 1)] + chance.uniform(0, 0.05) * size[1]
        shade = darker_or_lighter(chance, tree_colour)
        tree(draw, chance, x, foot, chance.uniform(0.12, 0.34) * size[1], shade)
    for _ in range(size[0] * 2):
        x, y = chance.uniform(0, size[0]), size[1] * (1 - chance.random() ** 2 * (1 - top - 0.04))
        blade = chance.uniform(0.008, 0.03) * size[1] * (y / size[1]) ** 3
        shade = darker_or_lighter(chance, colours[1])
        draw.line((x, y, x + chance.uniform(-0.3, 0.3) * blade, y - blade), fill=shade)


def lake(picture, water, seed, tint):
    """Everything above the water line again, upside down, drawn out sideways by the ripples."""
    width, height = picture.size
    depth = height - water
    mirror = picture.crop((0, max(0, water - depth), width, water)).transpose(Image.FLIP_TOP_BOTTOM).resize((width, depth))
    mirror = mirror.resize((width // 10, depth), Image.BOX).resize((width, depth), Image.BICUBIC).filter(ImageFilter.BoxBlur(1))
    mirror = Image.blend(mirror, Image.new("RGB", mirror.size, tint), 0.3)
    ripples = to_mask(fractal_noise(mirror.size, seed, 7, stretch=9, roughness=0.8), 0.5, 0.75).point(lambda value: value * 0.3)
    mirror.paste(Image.new("RGB", mirror.size, (225, 232, 240)), mask=ripples)
    picture.paste(mirror, (0, water))


def camera(picture, seed, grain=1.5):
    """Lens and sensor: a little blur, darker corners, grain in every channel."""
    size, chance = picture.size, random.Random(seed)
    picture = picture.filter(ImageFilter.GaussianBlur(0.6))
    corners = Image.radial_gradient("L").resize(size).point(lambda value: max(0, value - 120) * 0.55)
    picture.paste(Image.new("RGB", size, (10, 10, 16)), mask=corners)
    channels = []
    for channel in picture.split():
        noise = Image.frombytes("L", size, chance.randbytes(size[0] * size[1])).filter(ImageFilter.GaussianBlur(0.7))
        channels.append(ImageMath.eval("convert(min(max(c + (n - 127) * g / 60.0, 0), 255), 'L')", c=channel.convert("F"),
                                       n=noise.convert("F"), g=float(grain)))
    return Image.merge("RGB", channels)


def mountain_lake(size, seed):
    picture = gradient(size, [(0, (38, 92, 168)), (0.35, (122, 172, 220)), (0.6, (214, 226, 232)), (1, (214, 226, 232))])
    clouds(picture, seed, (246, 247, 250), 0.06)
    mountains(picture, seed + 10, 0.42, 0.22, (70, 78, 96), (142, 146, 156), (178, 198, 222), 0.42, snow_line=0.44)
    mountains(picture, seed + 20, 0.52, 0.14, (42, 54, 48), (104, 116, 88), (160, 184, 204), 0.22)
    mountains(picture, seed + 30, 0.6, 0.06, (24, 44, 26), (66, 92, 46), (150, 172, 180), 0.1)
    lake(picture, int(size[1] * 0.64), seed + 40, (46, 84, 96))
    shore(picture, seed + 50, 0.86, ((36, 52, 20), (118, 138, 58)), (18, 34, 20))
    return camera(picture, seed)


def evening_coast(size, seed):
    picture = gradient(size, [(0, (40, 42, 92)), (0.3, (150, 86, 116)), (0.5, (246, 158, 92)), (0.58, (255, 214, 140)), (1, (255, 214, 140))])
    glow = Image.radial_gradient("L").resize((size[0], size[0])).point(lambda value: max(0, 255 - value * 2.2))
    sun = (int(size[0] * 0.62), int(size[1] * 0.53))
    halo = Image.new("L", size, 0)
    halo.paste(glow, (sun[0] - size[0] // 2, sun[1] - size[0] // 2))
    picture.paste(Image.new("RGB", size, (255, 236, 178)), mask=halo)
    radius = size[0] // 45
    ImageDraw.Draw(picture).ellipse((sun[0] - radius, sun[1] - radius, sun[0] + radius, sun[1] + radius), fill=(255, 250, 224))
    clouds(picture, seed, (92, 58, 96), 0.02)
    mountains(picture, seed + 10, 0.57, 0.07, (52, 36, 66), (120, 74, 92), (230, 150, 110), 0.35)
    lake(picture, int(size[1] * 0.6), seed + 40, (70, 50, 84))
    shore(picture, seed + 50, 0.9, ((16, 12, 16), (58, 44, 40)), (10, 8, 12))
    return camera(picture, seed, grain=2.5)


def town_street(size, seed):
    """Houses along a street, for the building-site kind of photo."""
    chance = random.Random(seed)
    picture = gradient(size, [(0, (96, 140, 190)), (0.6, (212, 222, 228)), (1, (212, 222, 228))])
    clouds(picture, seed, (240, 240, 242), 0.1)
    ground = int(size[1] * 0.78)
    x = -size[0] * 0.03
    while x < size[0]:
        width, height = chance.uniform(0.11, 0.19) * size[0], chance.uniform(0.3, 0.55) * size[1]
        house(picture, chance, int(x), ground, int(width), int(height))
        x += width + chance.choice([0, 0, 0.02 * size[0]])
    strip = (size[0], size[1] - ground)
    picture.paste(rock(strip, seed + 3, (74, 74, 78), (128, 126, 124)), (0, ground))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(0, ground), (size[0], ground), (size[0], ground + 14), (0, ground + 18)], fill=(158, 152, 146))
    for step in range(7):
        left = size[0] * (step / 6.5) - 30
        draw.polygon([(left, size[1] * 0.9), (left + 70, size[1] * 0.9), (left + 64, size[1] * 0.912), (left - 8, size[1] * 0.912)],
                     fill=(214, 212, 204))
    return camera(picture, seed, grain=2)


def house(picture, chance, left, ground, width, height):
    wall = chance.choice([(196, 168, 128), (172, 92, 74), (210, 204, 192), (148, 158, 150), (222, 190, 140), (160, 120, 100)])
    shade = tuple(int(part * 0.82) for part in wall)
    picture.paste(rock((width, height), chance.randrange(1 << 30), shade, wall), (left, ground - height))
    draw = ImageDraw.Draw(picture)
    roof = height // 4
    draw.polygon([(left - 6, ground - height), (left + width // 2, ground - height - roof), (left + width + 6, ground - height)],
                 fill=chance.choice([(104, 58, 48), (74, 70, 74), (124, 70, 52)]))
    columns, rows = max(2, width // 60), max(2, height // 90)
    for row in range(rows):
        for column in range(columns):
            x = left + int((column + 0.5) * width / columns)
            y = ground - height + int((row + 0.45) * height / rows)
            glass = chance.choice([(52, 66, 82), (70, 88, 108), (120, 140, 158), (232, 208, 140)])
            draw.rectangle((x - 15, y - 24, x + 15, y + 24), fill=(236, 232, 224))
            draw.rectangle((x - 12, y - 21, x + 12, y + 21), fill=glass)
            draw.line((x, y - 21, x, y + 21), fill=(236, 232, 224), width=2)
            draw.line((x - 12, y - 4, x + 12, y - 4), fill=(236, 232, 224), width=2)


def screenshot(size=(1200, 760)):
    """A spreadsheet-like window with a chart."""
    picture = Image.new("RGB", size, (236, 238, 241))
    draw = ImageDraw.Draw(picture)
    small, large = _font(15), _font(22)
    draw.rectangle((0, 0, size[0], 44), fill=(33, 94, 69))
    draw.text((16, 9), "Quarterly figures - sales and stock", font=large, fill="white")
    draw.rectangle((0, 44, size[0], 84), fill=(246, 247, 248))
    for number, word in enumerate("File Edit View Insert Format Data Tools Help".split()):
        draw.text((18 + number * 84, 54), word, font=small, fill=(60, 60, 60))
    chance = random.Random(7)
    names = "North South West East Centre Coast Hills Islands".split()
    for row in range(24):
        top = 96 + row * 26
        draw.rectangle((16, top, 640, top + 25), fill=(255, 255, 255) if row % 2 else (242, 247, 244), outline=(214, 218, 222))
        months = [chance.randrange(80000, 9900000) / 100 for _ in range(3)]
        cells = ["Region", "January", "February", "March", "Total"] if row == 0 else (
            [f"{names[row % 8]} {row // 8 + 1}"] + [f"{value:,.2f}" for value in (*months, sum(months))])
        for column, cell in enumerate(cells):
            draw.text((24 + column * 124, top + 4), cell, font=small, fill=(24, 28, 32))
    _chart(draw, (668, 96, size[0] - 20, 420), chance)
    for line, text in enumerate(["Stock in the west is below the plan for the", "third time; the new order is due in week 14.",
                                 "Please compare with last year's figures", "before the meeting on Thursday."]):
        draw.text((676, 450 + line * 26), text, font=small, fill=(40, 40, 40))
    return picture


def _chart(draw, box, chance):
    draw.rectangle(box, fill="white", outline=(190, 196, 202))
    for bar in range(12):
        left = box[0] + 26 + bar * (box[2] - box[0] - 40) // 12
        height = chance.randrange(60, 270)
        draw.rectangle((left, box[3] - 24 - height, left + 22, box[3] - 24), fill=(66, 133, 180) if bar % 2 else (226, 138, 60))
    points = [(box[0] + 36 + bar * (box[2] - box[0] - 40) // 12, box[3] - 120 - 80 * math.sin(bar / 2)) for bar in range(12)]
    draw.line(points, fill=(170, 40, 60), width=3)


def _font(size):
    for name in ("DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "LiberationSans-Regular.ttf"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    raise SystemExit("make_samples.py needs the font DejaVu Sans (package fonts-dejavu-core)")


def jpeg(picture, orientation=1, quality=95, camera_name="Sample C-1"):
    """As a camera would write it: baseline, 4:4:4, with EXIF. The pixels are stored as the orientation tag says."""
    turned = {1: None, 6: Image.ROTATE_90, 8: Image.ROTATE_270}[orientation]
    picture = picture if turned is None else picture.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110] = "optimilter", camera_name
    exif[0x0132] = "2024:06:15 18:20:00"
    exif[0x8298] = "CC0"
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0, optimize=False, exif=exif, dpi=(300, 300))
    return out.getvalue()


def png(picture):
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()
