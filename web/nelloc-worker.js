// The worker that decodes: libnelloc as WebAssembly, one file at a time. nelloc.js talks to it.
"use strict";

const PNG_COMPARED = 1 << 26; // samples of images for which the size as PNG is worth its time
const ALLOW_DAMAGED = 1;
const PREVIEW = 2;
const PREVIEWED = 1 << 22; // pixels of images that are shown before their tiles are finished
const MOST_BYTES = 2 ** 32; // of memory
const AS_STORED = 0;
const RGBA8 = 1;
const NAMES = { kind: 0, method: 1, item: 2 };

let exports = null;
let current = 0; // the request that is worked on
let file = 0; // where the open file is in memory
let fileSize = 0;
let shown = 0; // where its pixels are, once they are decoded
let held = 0; // where pixels are put together that other workers decode
let part = null; // the region that is decoded
let lastProgress = 0;
let lastPreview = 0;

const memory = () => new Uint8Array(exports.memory.buffer);

// Places and sizes have 32 bits, which JavaScript takes for numbers with a sign; larger sizes would lose their high bits.
const unsigned = (number) => number >>> 0;
const take = (size) => (size < MOST_BYTES ? unsigned(exports.take(size)) : 0);

// Bytes of the library's memory, copied.
function copy(place, size) {
    const start = unsigned(place);
    return memory().slice(start, start + unsigned(size));
}

function put(bytes) {
    const place = take(bytes.length);
    if (!place) throw failure(-1, "there is not enough memory; close other pages");
    memory().set(bytes, place);
    return place;
}

function text(place) {
    if (!place) return "";
    const bytes = memory(), start = unsigned(place);
    return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
}

// Numbers that a function of the library writes.
function numbers(call, count) {
    const place = take(8 * count);
    if (!place) throw failure(-1, "there is not enough memory; close other pages");
    const written = call(place);
    const found = Array.from(new Float64Array(exports.memory.buffer, place, count));
    exports.give(place);
    return written ? found : null;
}

function failure(status, message) {
    return Object.assign(new Error(message), { status });
}

function check(status) {
    if (status) throw failure(status, text(exports.error()));
}

function tileAt(number) {
    const found = numbers((place) => exports.tile(number, place), 10);
    const [left, top, width, height, damaged, parts] = found;
    const methods = [];
    for (let part = 0; part < parts; part++) {
        methods.push({ name: text(exports.name_of(NAMES.method, found[6 + 2 * part])), bytes: found[7 + 2 * part] });
    }
    return { left, top, width, height, damaged: damaged > 0, methods };
}

function tiles(first, count) {
    return Array.from({ length: count }, (_, number) => tileAt(first + number));
}

function items(count) {
    const found = [];
    for (let number = 0; number < count; number++) {
        const [type, place, size] = numbers((to) => exports.item(number, to), 3);
        found.push({ type, name: text(exports.name_of(NAMES.item, type)), data: copy(place, size) });
    }
    return found;
}

function describe() {
    const found = numbers((place) => exports.image(place), 18);
    const [width, height, kind, channels, sampleBytes, whiteBits, tileSize, tileCount, needsModel] = found;
    const id = found.slice(13, 17).map((byte) => byte.toString(16).padStart(2, "0"));
    return {
        width, height, kind: text(exports.name_of(NAMES.kind, kind)), channels, sampleBytes, whiteBits, tileSize, tileCount,
        modelId: needsModel ? id.join("") : null,
        modelBytes: found[9],
        damagedTiles: found[11],
        damagedMetadata: (found[12] & 1) > 0,
        excessBytes: (found[12] & 2) > 0,
        jpegBytes: found[17],
        items: items(found[10]),
        tiles: tiles(0, tileCount),
    };
}

// Send pixels of a tile, or, before it is finished, of all that is decoded.
function send({ left, top, width, height }, isPreview) {
    const stride = 4 * part.width;
    const pixels = new Uint8ClampedArray(4 * width * height);
    const from = memory();
    for (let y = 0; y < height; y++) {
        const start = shown + (top - part.top + y) * stride + 4 * (left - part.left);
        pixels.set(from.subarray(start, start + 4 * width), 4 * width * y);
    }
    postMessage({ id: current, event: "tile", left, top, width, height, pixels, isPreview }, [pixels.buffer]);
}

function forgetPixels() {
    if (shown) exports.give(shown);
    if (held) exports.give(held);
    shown = held = 0;
}

// Memory for the pixels of a region.
function roomFor({ width, height }) {
    const place = take(4 * width * height);
    if (!place) throw failure(-1, "there is not enough memory to show it; use nlcd --region");
    return place;
}

// The library tells how far it is; a tile that is finished goes out at once, and small images before they are.
function watch(done, total, tile) {
    const now = performance.now();
    if (tile >= 0 && shown) send(tileAt(tile), false);
    if (now - lastProgress > 40 || done === total) {
        lastProgress = now;
        postMessage({ id: current, event: "progress", done, total });
    }
    if (tile < 0 && shown && now - lastPreview > 150 && part.width * part.height <= PREVIEWED) {
        lastPreview = now;
        send(part, true);
    }
    return 0;
}

let image = null;
const whole = () => ({ left: 0, top: 0, width: image.width, height: image.height, first: 0, count: image.tileCount });

const commands = {
    start({ module, models, plain }) {
        const refuse = () => 52; // there are no files here
        exports = new WebAssembly.Instance(module, {
            nelloc: { watch },
            wasi_snapshot_preview1: { fd_close: refuse, fd_seek: refuse, fd_write: refuse },
        }).exports;
        for (const model of models) exports.add_model(put(new Uint8Array(model)), model.byteLength);
        this.plain = plain ? 1 : 0;
        return { version: text(exports.version()) };
    },

    open({ data, maxPixels, memoryLimit }) {
        if (file) exports.give(file);
        forgetPixels();
        file = put(new Uint8Array(data));
        fileSize = data.byteLength;
        check(exports.open(file, fileSize, maxPixels, memoryLimit, this.plain));
        image = describe();
        return image;
    },

    // The open file, for other workers.
    file() {
        const { buffer } = copy(file, fileSize);
        return { data: buffer, transfer: [buffer] };
    },

    // Decode the image; or a region, whose pixels are not kept, and tell of `count` tiles from `first` on.
    decode({ allowDamaged, region = null }) {
        const { left, top, width, height, first, count } = (part = region ?? whole());
        forgetPixels();
        shown = roomFor(part);
        const size = 4 * width * height;
        try {
            memory().fill(0, shown, shown + size);
            const flags = (allowDamaged ? ALLOW_DAMAGED : 0) | PREVIEW;
            check(exports.decode(RGBA8, flags, shown, 4 * width, left, top, width, height));
        } catch (error) {
            forgetPixels();
            throw error;
        }
        const pixels = new Uint8ClampedArray(copy(shown, size).buffer);
        if (region) forgetPixels();
        return { pixels, tiles: tiles(first, count), transfer: [pixels.buffer] };
    },

    // Make room for pixels that other workers decode, and keep those of a region; with `isLast` all are there.
    hold() {
        forgetPixels();
        held = roomFor(whole());
        return {};
    },

    keep({ region: { left, top, width, height }, pixels, isLast }) {
        const to = memory();
        for (let y = 0; y < height; y++) {
            to.set(pixels.subarray(4 * width * y, 4 * width * (y + 1)), held + 4 * ((top + y) * image.width + left));
        }
        if (isLast) [shown, held] = [held, 0];
        return {};
    },

    jpeg({ allowDamaged }) {
        check(exports.restore(allowDamaged ? ALLOW_DAMAGED : 0));
        const jpeg = copy(exports.jpeg_data(), exports.jpeg_size());
        return { jpeg, transfer: [jpeg.buffer] };
    },

    png({ ifQuick, allowDamaged }) {
        const samples = image.width * image.height * image.channels;
        if (ifQuick && samples > PNG_COMPARED) return { png: null };
        let made = shown ? exports.make_png_of_shown(shown) : 0;
        if (!made && ifQuick && samples > PNG_COMPARED / 16) return { png: null };
        if (!made) {
            const stride = image.width * image.channels * image.sampleBytes;
            const stored = take(stride * image.height);
            if (!stored) throw failure(-1, "there is not enough memory to save it; use nlcd");
            const kept = shown;
            shown = 0; // no tiles go out
            const status = exports.decode(AS_STORED, allowDamaged ? ALLOW_DAMAGED : 0, stored, stride);
            shown = kept;
            made = status ? 0 : exports.make_png(stored);
            exports.give(stored);
            check(status);
        }
        if (!made) throw failure(-1, "there is not enough memory to save it; use nlcd");
        const png = copy(made, exports.png_size());
        exports.free_png();
        return { png, transfer: [png.buffer] };
    },
};

onmessage = ({ data: request }) => {
    current = request.id;
    try {
        const { transfer = [], ...result } = commands[request.command](request);
        postMessage({ id: request.id, event: "done", result }, transfer);
    } catch (error) {
        const known = error.status !== undefined;
        const message = known ? error.message : `it cannot be decoded here (${error.message})`;
        postMessage({ id: request.id, event: "failed", status: known ? error.status : 0, message });
    }
};
