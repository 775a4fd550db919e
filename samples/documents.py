# SPDX-License-Identifier: Apache-2.0
"""Minimal, valid OOXML and ODF files with pictures in them, built part by part with zipfile."""
import io
import zipfile

STAMP = (2024, 6, 15, 18, 20, 0)  # a fixed time, so that every run writes the same bytes
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"
EMU_PER_CM = 360000

TEXT = ("The western slope was walked on the second day. Paths are dry and safe, the two bridges below the hut are "
        "repaired, and the new signs stand. The pictures show the view from the hut and the shore in the evening. ")


def package(members):
    """members: list of (name, bytes or text, stored). The order is kept."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content, stored in members:
            entry = zipfile.ZipInfo(name, STAMP)
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def content_types(defaults, overrides):
    rows = [f'<Default Extension="{ending}" ContentType="{kind}"/>' for ending, kind in defaults]
    rows += [f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in overrides]
    return f'{XML}<Types xmlns="{PACKAGE}/content-types">{"".join(rows)}</Types>'


def relationships(rows):
    text = "".join(f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>' for name, kind, target in rows)
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{text}</Relationships>'


DEFAULTS = [("rels", "application/vnd.openxmlformats-package.relationships+xml"), ("xml", "application/xml"),
            ("jpeg", "image/jpeg"), ("png", "image/png")]


def docx(title, pictures):
    """pictures: list of (ending, bytes, width cm, height cm)."""
    body = f'<w:p><w:r><w:rPr><w:b/><w:sz w:val="36"/></w:rPr><w:t>{title}</w:t></w:r></w:p>'
    members, links = [], []
    for number, (ending, content, width, height) in enumerate(pictures, 1):
        body += f"<w:p><w:r><w:t>{TEXT * 3}</w:t></w:r></w:p>" + _word_picture(number, width, height)
        members.append((f"word/media/image{number}.{ending}", content, True))
        links.append((f"rId{number}", "image", f"media/image{number}.{ending}"))
    namespaces = (f'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="{OFFICE}" '
                  f'xmlns:wp="{DRAWING}/wordprocessingDrawing" xmlns:a="{DRAWING}/main" xmlns:pic="{DRAWING}/picture"')
    page = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="709" w:footer="709" w:gutter="0"/></w:sectPr>'
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return package([
        ("[Content_Types].xml", content_types(DEFAULTS, [("/word/document.xml", main)]), False),
        ("_rels/.rels", relationships([("rId1", "officeDocument", "word/document.xml")]), False),
        ("word/document.xml", f"{XML}<w:document {namespaces}><w:body>{body}{page}</w:body></w:document>", False),
        ("word/_rels/document.xml.rels", relationships(links), False), *members])


def _word_picture(number, width, height):
    extent = f'cx="{int(width * EMU_PER_CM)}" cy="{int(height * EMU_PER_CM)}"'
    return (f'<w:p><w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent {extent}/>'
            f'<wp:docPr id="{number}" name="Picture {number}"/><a:graphic><a:graphicData uri="{DRAWING}/picture"><pic:pic>'
            f'<pic:nvPicPr><pic:cNvPr id="{number}" name="Picture {number}"/><pic:cNvPicPr/></pic:nvPicPr>'
            f'<pic:blipFill><a:blip r:embed="rId{number}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
            f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext {extent}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr>'
            "</pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>")


SLIDE_SIZE = (12192000, 6858000)
PML = "application/vnd.openxmlformats-officedocument.presentationml"
PPT_NAMES = (f'xmlns:a="{DRAWING}/main" xmlns:r="{OFFICE}" '
             'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"')
EMPTY_GROUP = ('<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="0" y="0"/>'
               '<a:ext cx="0" cy="0"/><a:chOff x="0" y="0"/><a:chExt cx="0" cy="0"/></a:xfrm></p:grpSpPr>')


def pptx(titles, pictures):
    """A slide a picture. pictures: list of (ending, bytes)."""
    slides = range(1, len(pictures) + 1)
    overrides = [("/ppt/presentation.xml", f"{PML}.presentation.main+xml"), ("/ppt/slideMasters/slideMaster1.xml", f"{PML}.slideMaster+xml"),
                 ("/ppt/slideLayouts/slideLayout1.xml", f"{PML}.slideLayout+xml"),
                 ("/ppt/theme/theme1.xml", "application/vnd.openxmlformats-officedocument.theme+xml")]
    overrides += [(f"/ppt/slides/slide{slide}.xml", f"{PML}.slide+xml") for slide in slides]
    links = [("rId1", "slideMaster", "slideMasters/slideMaster1.xml"), ("rId2", "theme", "theme/theme1.xml")]
    links += [(f"rId{slide + 2}", "slide", f"slides/slide{slide}.xml") for slide in slides]
    identities = "".join(f'<p:sldId id="{255 + slide}" r:id="rId{slide + 2}"/>' for slide in slides)
    presentation = (f'{XML}<p:presentation {PPT_NAMES}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst>'
                    f'<p:sldIdLst>{identities}</p:sldIdLst><p:sldSz cx="{SLIDE_SIZE[0]}" cy="{SLIDE_SIZE[1]}"/>'
                    '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>')
    members = [("[Content_Types].xml", content_types(DEFAULTS, overrides), False),
               ("_rels/.rels", relationships([("rId1", "officeDocument", "ppt/presentation.xml")]), False),
               ("ppt/presentation.xml", presentation, False), ("ppt/_rels/presentation.xml.rels", relationships(links), False),
               *_master_parts()]
    for slide, title, (ending, content) in zip(slides, titles, pictures):
        media = f"image{slide}.{ending}"
        members += [(f"ppt/slides/slide{slide}.xml", _slide(title), False),
                    (f"ppt/slides/_rels/slide{slide}.xml.rels", relationships(
                        [("rId1", "slideLayout", "../slideLayouts/slideLayout1.xml"), ("rId2", "image", f"../media/{media}")]), False),
                    (f"ppt/media/{media}", content, True)]
    return package(members)


def _slide(title):
    box = '<a:xfrm><a:off x="{}" y="{}"/><a:ext cx="{}" cy="{}"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
    heading = (f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr>'
               f'{box.format(600000, 200000, 11000000, 800000)}</p:spPr><p:txBody><a:bodyPr/><a:p><a:r><a:rPr lang="en-GB" sz="3200" b="1"/>'
               f"<a:t>{title}</a:t></a:r></a:p></p:txBody></p:sp>")
    picture = ('<p:pic><p:nvPicPr><p:cNvPr id="3" name="Picture"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:embed="rId2"/>'
               f'<a:stretch><a:fillRect/></a:stretch></p:blipFill><p:spPr>{box.format(2400000, 1200000, 7392000, 4926000)}</p:spPr></p:pic>')
    return f"{XML}<p:sld {PPT_NAMES}><p:cSld><p:spTree>{EMPTY_GROUP}{heading}{picture}</p:spTree></p:cSld></p:sld>"


def _master_parts():
    mapping = ('<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" '
               'accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"/>')
    master = (f"{XML}<p:sldMaster {PPT_NAMES}><p:cSld><p:spTree>{EMPTY_GROUP}</p:spTree></p:cSld>{mapping}"
              '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>')
    layout = (f'{XML}<p:sldLayout {PPT_NAMES} type="blank"><p:cSld name="Blank"><p:spTree>{EMPTY_GROUP}</p:spTree></p:cSld>'
              "<p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sldLayout>")
    return [("ppt/slideMasters/slideMaster1.xml", master, False),
            ("ppt/slideMasters/_rels/slideMaster1.xml.rels", relationships(
                [("rId1", "slideLayout", "../slideLayouts/slideLayout1.xml"), ("rId2", "theme", "../theme/theme1.xml")]), False),
            ("ppt/slideLayouts/slideLayout1.xml", layout, False),
            ("ppt/slideLayouts/_rels/slideLayout1.xml.rels", relationships(
                [("rId1", "slideMaster", "../slideMasters/slideMaster1.xml")]), False),
            ("ppt/theme/theme1.xml", _theme(), False)]


def _theme():
    names = "dk1 lt1 dk2 lt2 accent1 accent2 accent3 accent4 accent5 accent6 hlink folHlink".split()
    values = "000000 FFFFFF 1F3A34 EEF1EE 2F6E8A C8743A 6A8F4E 8A5A83 4F5D73 B5A33A 1155CC 6611AA".split()
    colours = "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in zip(names, values))
    font = '<a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    return (f'{XML}<a:theme xmlns:a="{DRAWING}/main" name="Plain"><a:themeElements><a:clrScheme name="Plain">{colours}</a:clrScheme>'
            f'<a:fontScheme name="Plain"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>'
            f'<a:fmtScheme name="Plain"><a:fillStyleLst>{fill * 3}</a:fillStyleLst><a:lnStyleLst>{("<a:ln>" + fill + "</a:ln>") * 3}</a:lnStyleLst>'
            f'<a:effectStyleLst>{"<a:effectStyle><a:effectLst/></a:effectStyle>" * 3}</a:effectStyleLst><a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst>'
            "</a:fmtScheme></a:themeElements></a:theme>")


def odt(title, pictures):
    """pictures: list of (ending, bytes, width cm, height cm). mimetype comes first, stored, as ODF asks."""
    names = {"office": "office", "text": "text", "draw": "drawing", "svg": "svg-compatible"}
    namespaces = " ".join(f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"' for short, long in names.items())
    body, members, rows = f"<text:h text:outline-level=\"1\">{title}</text:h>", [], ""
    for number, (ending, content, width, height) in enumerate(pictures, 1):
        path = f"Pictures/{number}.{ending}"
        body += (f'<text:p>{TEXT * 2}</text:p><text:p><draw:frame draw:name="Picture {number}" text:anchor-type="as-char" '
                 f'svg:width="{width}cm" svg:height="{height}cm"><draw:image xlink:href="{path}" xlink:type="simple" '
                 'xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p>')
        members.append((path, content, True))
        rows += f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="image/{ending}"/>'
    document = (f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content {namespaces} xmlns:xlink="http://www.w3.org/1999/xlink" '
                f'office:version="1.2"><office:body><office:text>{body}</office:text></office:body></office:document-content>')
    kind = "application/vnd.oasis.opendocument.text"
    manifest = ('<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" '
                f'manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
                f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>{rows}</manifest:manifest>')
    return package([("mimetype", kind, True), ("content.xml", document, False), *members, ("META-INF/manifest.xml", manifest, False)])
