#!/usr/bin/env bash
# @jsquash/png writes 16-bit PNG files with the two bytes of each sample swapped.
#
# PNG stores the high byte first, and encode(image, { bitDepth: 16 }) takes a Uint16Array, so one expects it to turn the
# bytes round. It writes the array as it lies in memory, low byte first. Its own decode, which is right, shows it: what
# was encoded comes back as noise, and so does a 16-bit file that is decoded and encoded again. Samples whose two bytes
# are equal, as of 8-bit images scaled by 257, come back whole, and 8-bit files are right.
#
# @jsquash/png 3.1.1, pngjs 7.0.0 as a second reader. Output seen:
#   samples           [ 1, 256, 513, 65535, 4660, 257, 771, 65535 ]
#   samples           1,256,513,65535,4660,257,771,65535
#   pngjs             256,1,258,65535,13330,257,771,65535
#   encoded twice     1,256,513,65535,4660,257,771,65535
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @jsquash/png@3.1.1 pngjs@7.0.0
cat > measure.mjs <<'END'
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import decode, { init as initDecode } from '@jsquash/png/decode.js';
import encode, { init as initEncode } from '@jsquash/png/encode.js';
import { PNG } from 'pngjs';

globalThis.ImageData ??= class { constructor(data, width, height) { Object.assign(this, { data, width, height }); } };
const code = await WebAssembly.compile(readFileSync('node_modules/@jsquash/png/codec/pkg/squoosh_png_bg.wasm'));
await initEncode(code);
await initDecode(code);

const written = (data) => encode({ data, width: data.length / 4, height: 1 }, { bitDepth: 16 });
const readBack = async (file) => (await decode(file, { bitDepth: 16 })).data;
const swapped = (data) => data.map((sample) => (sample << 8 | sample >> 8) & 65535);

const samples = new Uint16Array([1, 256, 513, 65535, 0x1234, 257, 771, 65535]);
const file = await written(samples);
const found = await readBack(file);
const other = PNG.sync.read(Buffer.from(file), { skipRescale: true }).data;
const twice = await readBack(await written(new Uint16Array(found)));
console.log('samples          ', [...samples].toString());
console.log('@jsquash/png     ', [...found].toString());
console.log('pngjs            ', [...other].toString());
console.log('encoded twice    ', [...twice].toString());
assert.deepEqual([...found], [...swapped(samples)]);
assert.deepEqual([...other], [...found]);
assert.deepEqual([...twice], [...samples]);

const bytes = new Uint8ClampedArray([1, 2, 3, 255, 90, 80, 70, 128]);
assert.deepEqual([...(await decode(await encode({ data: bytes, width: 2, height: 1 }))).data], [...bytes]);
END
node measure.mjs
