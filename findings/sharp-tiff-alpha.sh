#!/usr/bin/env bash
# sharp's TIFF output is JPEG, and has no alpha channel.
#
# TIFF is where one expects samples to be safe, and sharp's PNG of the same RGBA pixels is exact. But tiff() compresses
# with JPEG unless told otherwise, and with it the alpha channel is dropped: no error, no warning, a file with three
# channels. tiff({ compression: 'lzw' }) keeps all four, exactly.
#
# sharp 0.35.5 (libvips 8.18.7). Output seen:
#   png(): 4 channels, 0.00 of the samples differ
#   tiff(): 3 channels, 0.99 of the colours differ
#   tiff({ compression: 'lzw' }): 4 channels, 0.00 of the samples differ
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund sharp@0.35.5
cat > measure.mjs <<'END'
import assert from 'node:assert';
import sharp from 'sharp';

const width = 64, height = 48;
const pixels = Buffer.alloc(width * height * 4);
for (let i = 0; i < pixels.length; i++) pixels[i] = (Math.imul(i + 1, 2654435761) >>> 13) & 255;

async function through(save) {
  const file = await save(sharp(pixels, { raw: { width, height, channels: 4 } })).toBuffer();
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  let differ = 0, seen = 0;
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let channel = 0; channel < info.channels; channel++, seen++)
      differ += data[pixel * info.channels + channel] !== pixels[pixel * 4 + channel];
  return { channels: info.channels, share: differ / seen };
}

const png = await through((image) => image.png());
const plain = await through((image) => image.tiff());
const lzw = await through((image) => image.tiff({ compression: 'lzw' }));
console.log(`png(): ${png.channels} channels, ${png.share.toFixed(2)} of the samples differ`);
console.log(`tiff(): ${plain.channels} channels, ${plain.share.toFixed(2)} of the colours differ`);
console.log(`tiff({ compression: 'lzw' }): ${lzw.channels} channels, ${lzw.share.toFixed(2)} of the samples differ`);
assert.deepStrictEqual(png, { channels: 4, share: 0 });
assert.deepStrictEqual(lzw, { channels: 4, share: 0 });
assert.strictEqual(plain.channels, 3);
assert(plain.share > 0.5);
END
node measure.mjs
