#!/usr/bin/env bash
# sharp's raw({ depth: 'ushort' }) gives 16-bit numbers that hold 8 bits.
#
# metadata() says that a PNG file has samples of 16 bits (depth "ushort"), and raw({ depth: 'ushort' }) gives two bytes a
# sample, info.depth "ushort" and the right length. But sharp works in 8-bit sRGB unless it is told otherwise, and widens
# the result afterwards: 40503 becomes 158. All values are below 256, so the picture looks black to who takes them for
# 16 bits, and right to who scales it by its maximum. toColourspace('rgb16') before raw gives the samples; so does
# 'grey16' for gray. PNG and TIFF files written from 16-bit files have 8 bits too, without it. No error or warning.
#
# sharp 0.35.5. Output seen: depth, largest sample, share of samples that are right; the file has up to 65535
#   raw({ depth: 'ushort' })                         ushort    255  0.00
#   toColourspace('rgb16').raw({ depth: 'ushort' })  ushort  65535  1.00
#   png()                                            uchar
#   tiff({ compression: 'lzw' })                     uchar
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund sharp@0.35.5
cat > measure.mjs <<'END'
import assert from 'node:assert';
import sharp from 'sharp';

const raw = { width: 64, height: 48, channels: 3 };
const samples = Uint16Array.from({ length: raw.width * raw.height * 3 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 16);
samples[0] = 65535;
const png = await sharp(samples, { raw }).toColourspace('rgb16').png().toBuffer();
assert.equal((await sharp(png).metadata()).depth, 'ushort');
assert.equal(png[24], 16);

async function read(image) {
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  assert.equal(data.length, 2 * samples.length);
  const found = new Uint16Array(new Uint8Array(data).buffer);
  const share = found.filter((sample, i) => sample === samples[i]).length / samples.length;
  return { depth: info.depth, most: Math.max(...found), share };
}

const cases = [
  ["raw({ depth: 'ushort' })", (image) => image.raw({ depth: 'ushort' }), false],
  ["toColourspace('rgb16').raw({ depth: 'ushort' })", (image) => image.toColourspace('rgb16').raw({ depth: 'ushort' }), true],
];
for (const [name, change, exact] of cases) {
  const { depth, most, share } = await read(change(sharp(png)));
  console.log(`${name.padEnd(48)} ${depth}  ${String(most).padStart(5)}  ${share.toFixed(2)}`);
  assert.equal(depth, 'ushort');
  assert.equal(most, exact ? 65535 : 255, 'sharp has changed');
  assert.equal(share > 0.9, exact);
}
for (const [name, save] of [['png()', (image) => image.png()], ["tiff({ compression: 'lzw' })", (image) => image.tiff({ compression: 'lzw' })]]) {
  const { depth } = await sharp(await save(sharp(png)).toBuffer()).metadata();
  console.log(`${name.padEnd(48)} ${depth}`);
  assert.equal(depth, 'uchar', 'sharp has changed');
}
END
node measure.mjs
