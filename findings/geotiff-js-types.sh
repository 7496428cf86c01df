#!/usr/bin/env bash
# geotiff.js writes Int16Array heights as garbage, and bands of 16 bits or floats as their low bytes.
#
# writeArrayBuffer takes the type of a flat array: Uint8Array, Uint16Array, Uint32Array and floats come back exact. Heights
# are Int16Array; the file says 16 bits, but only the low byte of each sample is there, so that two make one. And values
# by band, row and column, the form of the documented example, are taken for bytes, also if the rows are a Uint16Array or
# Float32Array: 1000 becomes 232, and 3.75 becomes 3. No error. A test with values below 256 sees nothing of the latter.
#
# geotiff 3.0.5. Output seen: type that comes back, and samples of 1024 (a band) that differ
#   flat Uint16Array               Uint16Array  0
#   flat Float32Array              Float32Array 0
#   flat Int16Array                Int16Array   1024
#   three bands of Uint16Array     Uint8Array   1024
#   three bands of Float32Array    Uint8Array   1024
#   three bands of Array           Uint8Array   1024
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund geotiff@3.0.5
cat > measure.mjs <<'END'
import assert from 'node:assert';
import { fromArrayBuffer, writeArrayBuffer } from 'geotiff';

const width = 32, height = 32;
const sample = (i) => 1000 + (Math.imul(i + 1, 40503) & 8191) + 0.75;

async function read(values, more = {}) {
  const file = await fromArrayBuffer(await writeArrayBuffer(values, { width, height, ...more }));
  const [band] = await (await file.getImage()).readRasters();
  assert.equal(band.length, width * height);
  return band;
}

function report(name, expected, found, exact) {
  const differ = expected.filter((value, i) => value !== found[i]).length;
  console.log(`${name.padEnd(30)} ${found.constructor.name.padEnd(12)} ${differ}`);
  assert.equal(differ === 0, exact, 'geotiff.js has changed');
}

for (const Type of [Uint16Array, Float32Array, Int16Array]) {
  const values = Type.from({ length: width * height }, (_, i) => sample(i));
  const found = await read(values);
  report(`flat ${Type.name}`, values, found, Type !== Int16Array);
  const low = new DataView(Uint8Array.from(values, (value) => value & 255).buffer);
  if (Type === Int16Array) assert.ok(found.slice(0, 512).every((value, i) => value === low.getInt16(2 * i)));
}
for (const Type of [Uint16Array, Float32Array, Array]) {
  const values = Type.from({ length: width * height }, (_, i) => (Type === Array ? Math.floor(sample(i)) : sample(i)));
  const rows = Array.from({ length: height }, (_, row) => values.slice(row * width, (row + 1) * width));
  const found = await read([rows, rows, rows]);
  report(`three bands of ${Type.name}`, values, found, false);
  assert.ok(found instanceof Uint8Array && found.every((value, i) => value === (Math.floor(values[i]) & 255)));
}
END
node measure.mjs
