#!/usr/bin/env python3
"""Computes the root of a log from its C2SP tiles and the lines behind the last full one: python3 verify_tiles.py FOLDER. It must be the signed root."""
import base64, hashlib, os, sys

folder = sys.argv[1]
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
read = lambda name: open(os.path.join(folder, name), "rb").read()
size = max(int(name) for name in os.listdir(os.path.join(folder, "checkpoint")))

def name_of(index):  # 1234067 is x001/x234/067
    groups = [f"{index // 1000 ** place % 1000:03d}" for place in range(3) if place == 0 or index >= 1000 ** place]
    return "/".join([f"x{group}" for group in groups[:0:-1]] + groups[:1])

leaves = []
for tile in range(size // 256):
    data = read(f"tile/0/{name_of(tile)}")
    leaves += [data[at : at + 32] for at in range(0, 8192, 32)]
lines, start = [], max(int(name) for name in os.listdir(os.path.join(folder, "batch")) if int(name) <= len(leaves))
for batch in sorted(int(name) for name in os.listdir(os.path.join(folder, "batch")) if int(name) >= start):
    lines += read(f"batch/{batch:016d}").split(b"\n")[:-1]
leaves += [sha(b"\0", line) for line in lines[len(leaves) - start :]]

def root(some):
    if len(some) == 1:
        return some[0]
    cut = 1 << (len(some) - 1).bit_length() - 1
    return sha(b"\1", root(some[:cut]), root(some[cut:]))

found, stated = base64.b64encode(root(leaves)).decode(), read(f"checkpoint/{size:016d}").decode().split("\n")[2]
assert found == stated, f"the tiles lead to {found}, the checkpoint says {stated}"
print(f"valid: the tiles lead to the signed root of {size} lines")
