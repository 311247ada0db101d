"""The forms in which layers travel: a case about the bytes of a tar archive holds in each of them."""
import io
import json
import os
import tarfile

import layout
from layout import Layout, entry, gzip, sha256, xz, zstd

ROOTFS = b"rootfs/"
ACI_MANIFEST = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/app",
                "labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}],
                "app": {"exec": ["/bin/true"], "user": "0", "group": "0"}}


class LayerFormat:
    """An OCI layout whose layers are compressed in one way. Names are made inside of `with`."""
    is_aci = False

    def __init__(self, name, compress, media_type):
        self.name, self.compress, self.media_type = name, compress, media_type

    def __enter__(self):
        layout.prefixes["name"] = ROOTFS if self.is_aci else b""

    def __exit__(self, *_):
        layout.prefixes["name"] = b""

    def can_hold(self, image):
        return isinstance(image, Layout) and image.is_plain()

    def wrap(self, image):
        image.blobs = [self.compress(data) for data in image.tars]
        image.layer_type = self.media_type
        return image


class AnyLayout(LayerFormat):
    """Layouts as they are, with whatever is wrong in them; and archives and other images."""

    def can_hold(self, image):
        return True

    def wrap(self, image):
        return image


class OciArchive(LayerFormat):
    """A layout in a tar archive."""

    def can_hold(self, image):
        return True

    def wrap(self, image):
        return Archived(image, self.compress) if isinstance(image, Layout) else image


class Archived:
    def __init__(self, image, compress):
        self.image, self.compress = image, compress

    def write(self, path):
        self.image.write(path)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name in sorted(os.listdir(path)):
                archive.add(os.path.join(path, name), name)
        with open(path + ".tar", "wb") as file:
            file.write(self.compress(buffer.getvalue()))
        return f"oci-archive:{path}.tar:{self.image.named}"


class DockerArchive(LayerFormat):
    """What docker save writes."""

    def can_hold(self, image):
        return not isinstance(image, Layout) or super().can_hold(image)

    def wrap(self, image):
        if not isinstance(image, Layout):
            return image
        docker = Docker()
        docker.layers = [self.compress(data) for data in image.tars]
        docker.config = image.config
        return docker


class Docker:
    """A docker archive in the making: change its attributes, then write() it."""

    def __init__(self, *tars):
        self.layers = list(tars)
        self.config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
                       "rootfs": {"type": "layers", "diff_ids": [sha256(t) for t in tars]}}
        self.edit_manifest = lambda manifest: None
        self.edit_members = lambda members: None
        self.manifest_bytes = self.archive_bytes = None
        self.reference = "docker-archive:%s"

    def write(self, path):
        config = json.dumps(self.config).encode()
        names = [f"layer{i}/layer.tar" for i in range(len(self.layers))]
        manifest = [{"Config": sha256(config)[7:] + ".json", "RepoTags": ["example.com/app:v1"],
                     "Layers": names}]
        self.edit_manifest(manifest)
        members = [(name.encode(), data) for name, data in zip(names, self.layers)]
        members.append((sha256(config)[7:].encode() + b".json", config))
        members.append((b"manifest.json", layout.choose(self.manifest_bytes, manifest)))
        self.edit_members(members)
        data = b"".join(member if isinstance(member, bytes) else entry(*member)
                        for member in members) + layout.END
        with open(path + ".tar", "wb") as file:
            file.write(data if self.archive_bytes is None else self.archive_bytes)
        return self.reference % (path + ".tar")


class Aci(LayerFormat):
    is_aci = True

    def can_hold(self, image):
        return not isinstance(image, Layout) or super().can_hold(image) and len(image.tars) == 1

    def wrap(self, image):
        if not isinstance(image, Layout):
            return image
        aci = AciFile(image.tars[0])
        aci.compress = self.compress
        return aci


class AciFile:
    """An appc image in the making: one archive of a manifest and, after it, what is given."""

    def __init__(self, data=b""):
        self.data, self.compress = data, gzip
        self.manifest = json.loads(json.dumps(ACI_MANIFEST))
        self.edit_manifest = lambda manifest: None
        self.manifest_bytes = self.archive_bytes = None

    def write(self, path):
        self.edit_manifest(self.manifest)
        data = entry(b"manifest", layout.choose(self.manifest_bytes, self.manifest)) + self.data
        with open(path + ".aci", "wb") as file:
            file.write(self.compress(data if self.archive_bytes is None else self.archive_bytes))
        return f"aci:{path}.aci"


def stored(data):
    return data


FORMATS = {known.name: known for known in [
    AnyLayout("oci", gzip, layout.GZIP),
    LayerFormat("oci-plain", stored, layout.LAYER),
    LayerFormat("oci-zstd", zstd, layout.ZSTD),
    LayerFormat("oci-xz", xz, layout.XZ),
    OciArchive("oci-archive", stored, None),
    DockerArchive("docker-archive", stored, None),
    Aci("aci", gzip, None),
    Aci("aci-xz", xz, None),
]}
