#!/usr/bin/env bash
# sharp's PNG is lossless until it is told to try harder, or to have the best quality: then it has 256 colours.
#
# In other tools an effort costs time and nothing else, and 100 is the quality at which nothing is lost; sharp's own
# webp({ lossless: true, effort: 6 }) is exact. For png() each of quality, effort, colours and dither also sets
# palette: true, so that colours are quantised. compressionLevel: 9 is the effort that was meant. palette: false beside
# them keeps all colours. The file is smaller, which looks like what was asked for.
#
# sharp 0.35.5. Output seen: of 64 x 48 RGB pixels, the share of samples that differ, the largest difference, PNG's kind
#   png({})                              0.00    0  RGB
#   png({ compressionLevel: 9 })         0.00    0  RGB
#   png({ effort: 10 })                  0.96   46  palette
#   png({ effort: 1 })                   0.97   53  palette
#   png({ quality: 100 })                0.96   46  palette
#   png({ effort: 10, palette: false })  0.00    0  RGB
#   webp({ lossless: true, effort: 6 })  0.00    0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund sharp@0.35.5
cat > measure.mjs <<'END'
import assert from 'node:assert';
import sharp from 'sharp';

const raw = { width: 64, height: 48, channels: 3 };
const pixels = Buffer.alloc(raw.width * raw.height * 3);
for (let i = 0, seed = 1; i < pixels.length; i++) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  pixels[i] = seed >>> 16;
}

async function changes(save) {
  const file = await save(sharp(pixels, { raw })).toBuffer();
  const { data } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  assert.equal(data.length, pixels.length);
  const away = Array.from(pixels, (sample, i) => Math.abs(sample - data[i]));
  const kind = file.subarray(1, 4).toString() === 'PNG' ? { 2: 'RGB', 3: 'palette' }[file[25]] : '';
  return { share: away.filter((a) => a > 0).length / away.length, most: Math.max(...away), kind };
}

const cases = [
  ['png({})', (image) => image.png({}), true],
  ['png({ compressionLevel: 9 })', (image) => image.png({ compressionLevel: 9 }), true],
  ['png({ effort: 10 })', (image) => image.png({ effort: 10 }), false],
  ['png({ effort: 1 })', (image) => image.png({ effort: 1 }), false],
  ['png({ quality: 100 })', (image) => image.png({ quality: 100 }), false],
  ['png({ effort: 10, palette: false })', (image) => image.png({ effort: 10, palette: false }), true],
  ['webp({ lossless: true, effort: 6 })', (image) => image.webp({ lossless: true, effort: 6 }), true],
];
for (const [name, save, exact] of cases) {
  const { share, most, kind } = await changes(save);
  console.log(`${name.padEnd(36)} ${share.toFixed(2)}  ${String(most).padStart(3)}  ${kind}`.trimEnd());
  assert.equal(share === 0, exact, 'sharp has changed');
  if (kind) assert.equal(kind, exact ? 'RGB' : 'palette');
}
END
node measure.mjs
