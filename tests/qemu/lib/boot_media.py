# SPDX-License-Identifier: BSD-2-Clause
"""Boot media for tests: UEFI firmware with its own variables, a FAT volume with BOOTX64.EFI, the ISO as a
USB stick, a folder that QEMU serves by TFTP. Most functions return QEMU's options. Read next:
test_boot_paths.py."""
import http.server
import os
import re
import shutil
import subprocess
import threading

from machine import IMAGE, ROOT

ISO = f"{ROOT}/build/ferrule.iso"
EFI = f"{ROOT}/build/BOOTX64.EFI"
SCHEME = "http"


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def uefi(folder):
    """Debian's ovmf: code, read-only, and a fresh copy of its variables in folder."""
    for code, variables in (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd")):
        if os.path.exists(f"/usr/share/OVMF/{code}"):
            break
    else:
        raise FileNotFoundError("no OVMF under /usr/share/OVMF: package ovmf")
    with open(f"/usr/share/OVMF/{variables}", "rb") as source, \
            open(f"{folder}/vars.fd", "wb") as copy:
        copy.write(source.read())
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/{code}",
            "-drive", f"if=pflash,unit=1,format=raw,file={folder}/vars.fd"]


def fat(folder, files, name="stick.img", mib=8):
    """A FAT file system in folder/name with files: {path in it: bytes, or the path of a file}."""
    image = f"{folder}/{name}"
    with open(image, "wb") as f:
        f.truncate(mib << 20)
    run(["mformat", "-i", image, "-v", "FERRULE", "::"])
    made = set()
    for path, content in files.items():
        parts = path.split("/")[:-1]
        for i in range(1, len(parts) + 1):
            parent = "/".join(parts[:i])
            if parent not in made:
                run(["mmd", "-i", image, f"::{parent}"])
                made.add(parent)
        if isinstance(content, bytes):
            with open(f"{folder}/content", "wb") as f:
                f.write(content)
            content = f"{folder}/content"
        run(["mcopy", "-i", image, content, f"::{path}"])
    return image


def grub_disc(folder, menu, files):
    """A CD in folder that boots on BIOS and UEFI, with this menu of GRUB and files: {path in it: bytes}."""
    tree, disc = f"{folder}/tree", f"{folder}/disc.iso"
    shutil.rmtree(tree, ignore_errors=True)
    for path, data in {**files, "boot/grub/grub.cfg": menu.encode()}.items():
        os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
        with open(f"{tree}/{path}", "wb") as f:
            f.write(data)
    run(["grub-mkrescue", "-o", disc, tree])
    shutil.rmtree(tree)
    return disc


def usb(image):
    """The image as a USB stick, the only boot device."""
    return ["-drive", f"if=none,id=stick,format=raw,file={image}", "-device", "qemu-xhci,id=usb",
            "-device", "usb-storage,bus=usb.0,drive=stick,bootindex=0"]


def network(bootfile):
    """A card that boots from the network, with QEMU's own DHCP and TFTP servers. Newer UEFI firmware
    needs random numbers for network boot; the emulated CPU has none, so a device provides them."""
    return ["-netdev", f"user,id=boot,tftp={ROOT}/build/netboot,bootfile={bootfile}",
            "-device", "e1000,netdev=boot,bootindex=0", "-device", "virtio-rng-pci"]


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files of a folder, and ranges of them, which iPXE requests for the sectors of an ISO."""
    protocol_version = "HTTP/1.1"

    def send_head(self):
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not part:
            return super().send_head()
        first, last = int(part[1]), int(part[2])
        file = open(self.translate_path(self.path), "rb")
        size = os.fstat(file.fileno()).st_size
        last = min(last, size - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        file.seek(first)
        self.left = last - first + 1
        return file

    def copyfile(self, source, outputfile):
        left = getattr(self, "left", None)
        self.left = None
        outputfile.write(source.read() if left is None else source.read(left))

    def log_message(self, *args):
        pass


class WebServer:
    """Serves build/netboot by HTTP on 127.0.0.1, which is 10.0.2.2 for the guest of a user network."""

    def __enter__(self):
        handler = lambda *args: RangeHandler(*args, directory=f"{ROOT}/build/netboot")  # noqa: E731
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"{SCHEME}://10.0.2.2:{self.server.server_port}"

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()


def web_boot(url, card="bootindex=0"):
    """A card on a network whose DHCP server directs iPXE to the URL; no TFTP."""
    return ["-netdev", f"user,id=boot,bootfile={url}", "-device", f"e1000,netdev=boot,{card}"]


def clean(folder):
    """Remove the images, which are large, after the test has passed."""
    for name in os.listdir(folder):
        if name.endswith((".img", ".fd", ".iso")) or name == "content":
            os.unlink(f"{folder}/{name}")


__all__ = ["EFI", "IMAGE", "ISO", "ROOT", "WebServer", "clean", "fat", "grub_disc", "network", "run", "uefi", "usb",
           "web_boot"]
