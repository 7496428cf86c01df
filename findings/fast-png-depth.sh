#!/usr/bin/env bash
# fast-png writes a Uint16Array as 8-bit PNG, of the low byte of each sample, unless it is told the depth.
#
# encode checks the length of the array, not its type, and depth is 8 by default. So 256 becomes 0 and 513 becomes 1: not
# a darker picture, as by a cut to 8 bits, but noise wherever the image is smooth. decode gives Uint16Array and depth 16
# for a 16-bit file, so a program that decodes, works on data and encodes { width, height, data, channels } does this.
#
# fast-png 8.0.0. Output seen:
#   samples            [ 1, 256, 513, 65535 ]
#   without depth      8 [ 1, 0, 1, 255 ]
#   with depth: 16     16 [ 1, 256, 513, 65535 ]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund fast-png@8.0.0
cat > measure.mjs <<'END'
import assert from 'node:assert';
import { decode, encode } from 'fast-png';

const data = new Uint16Array([1, 256, 513, 65535]);
const plain = decode(encode({ width: 2, height: 2, data, channels: 1 }));
const deep = decode(encode({ width: 2, height: 2, data, channels: 1, depth: 16 }));
console.log('samples           ', [...data]);
console.log('without depth     ', plain.depth, [...plain.data]);
console.log('with depth: 16    ', deep.depth, [...deep.data]);
assert.strictEqual(plain.depth, 8);
assert.deepStrictEqual([...plain.data], [...data].map((sample) => sample & 255));
assert.strictEqual(deep.depth, 16);
assert.deepStrictEqual([...deep.data], [...data]);
END
node measure.mjs
