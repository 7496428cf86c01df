import { NellocError, TOO_LARGE, contextOf, open } from "./nelloc.js";

const at = (id) => document.getElementById(id);
const stage = at("stage");
const sheet = at("sheet");
const canvas = at("image");
const NLM = /\.nlm$/i;
const MOST_TEXT = 2000;
const MOST_ZOOM = 64;

const files = []; // { name, source }
const models = [];
let current = null; // { number, name, file, png, ... }; `ended` if the file has to be opened again
let abort = null;
let view = { scale: 1, x: 0, y: 0, fitted: true };

// ---- Files

function add(list) {
    const added = [];
    for (const file of list) {
        if (NLM.test(file.name)) models.push(file);
        else added.push({ name: file.name, source: file });
    }
    files.push(...added);
    const options = files.map((file, number) => new Option(file.name, number));
    at("list").replaceChildren(...options);
    at("list-box").hidden = files.length < 2;
    if (added.length) show(files.length - added.length);
    else if (list.length && current?.number !== undefined) show(current.number);
    else if (list.length) tell("Models are kept; now open the file that needs them.");
}

async function show(number, allowDamaged = false) {
    const { name, source } = files[number];
    abort?.abort(new DOMException("another file was opened", "AbortError"));
    current?.file?.close();
    const own = (abort = new AbortController());
    const mine = (current = { number, name, file: null, png: null, allowDamaged });
    at("list").value = number;
    at("problem").hidden = true;
    at("about").hidden = sheet.hidden = at("view-tools").hidden = true;
    at("invitation").hidden = true;
    at("save").disabled = at("save-jpeg").hidden = true;
    at("save-jpeg").disabled = false;
    tell(`${name} is being decoded.`);
    stage.classList.remove("holds");
    busy(true);
    try {
        const file = (mine.file = await open(source, { models, signal: own.signal }));
        at("save-jpeg").hidden = !file.jpegBytes;
        const context = contextOf(canvas, file.width, file.height);
        canvas.setAttribute("aria-label", `${name}, ${file.width} by ${file.height} pixels`);
        describe(mine);
        sheet.hidden = at("view-tools").hidden = false;
        stage.classList.add("holds");
        fit();
        const image = await file.decode({
            signal: own.signal,
            allowDamaged,
            onProgress: (done, total) => progress(done / total),
            onTile: ({ left, top, width, height, pixels }) =>
                context?.putImageData(new ImageData(pixels, width, height), left, top),
        });
        context?.putImageData(image, 0, 0);
        mine.decoded = true;
        if (!context) {
            at("problem").textContent = `${name}: ${TOO_LARGE}; save it as PNG.`;
            at("problem").hidden = false;
        }
        at("save").disabled = false;
        describe(mine);
        if (file.damagedTiles) toggleTiles(true);
        tell(`${name} is decoded, ${file.width} by ${file.height} pixels.`);
        busy(false);
        mine.png = await file.toPNG({ ifQuick: true, signal: own.signal });
        if (mine === current) describe(mine);
    } catch (error) {
        mine.ended = error.name === "AbortError";
        const isSaving = mine.ended && mine.decoded; // was cancelled while the PNG file's size was found
        if (mine === current && !isSaving) fail(mine, error);
    } finally {
        if (mine === current) busy(false);
    }
}

// Show the file of a button that goes with that.
function showAgain(number, allowDamaged) {
    stage.focus();
    show(number, allowDamaged);
}

function fail(mine, error) {
    const box = at("problem");
    if (error.name === "AbortError") {
        tell("Decoding was cancelled.");
        box.textContent = `${mine.name}: decoding was cancelled.`;
    } else {
        tell("");
        box.textContent = `${mine.name}: ${error.message}.`;
        if (!(error instanceof NellocError)) console.error(error);
    }
    const offer = (text, action) => {
        const button = document.createElement("button");
        button.textContent = text;
        button.onclick = action;
        box.append(button);
    };
    const isPartly = error.code === "damaged" && mine.file?.width && !mine.allowDamaged;
    if (error.name === "AbortError") offer("Decode it again", () => showAgain(mine.number, mine.allowDamaged));
    else if (isPartly) offer("Show what is left", () => showAgain(mine.number, true));
    else if (error.code === "model") offer("Choose the model file…", () => at("files").click());
    box.hidden = false;
    if (!mine.file?.width) {
        sheet.hidden = at("view-tools").hidden = at("about").hidden = true;
        at("invitation").hidden = false;
    }
}

function download(bytes, type, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    tell(`${name} is saved.`);
}

// Save what `make` gives, under the file's name with another ending.
async function save(type, ending, make) {
    const mine = current;
    const { signal } = (abort = new AbortController());
    at("save").disabled = at("save-jpeg").disabled = true;
    try {
        if (mine.ended) mine.file = await open(files[mine.number].source, { models, signal });
        mine.ended = false;
        const onProgress = (done, total) => progress(done / total);
        const bytes = await make(mine, { signal, onProgress, allowDamaged: mine.allowDamaged });
        describe(mine);
        download(bytes, type, mine.name.replace(/\.nlc$/i, "") + ending);
    } catch (error) {
        mine.ended = error.name === "AbortError"; // which ended the worker; what is shown stays
        if (mine !== current) return;
        if (mine.ended) tell("Saving was cancelled.");
        else fail(mine, error);
    } finally {
        if (mine === current) {
            busy(false);
            at("save").disabled = !mine.decoded;
            at("save-jpeg").disabled = false;
        }
    }
}

const savePNG = () => save("image/png", ".png", async (mine, options) => {
    if (!mine.png) busy(true);
    return (mine.png ??= await mine.file.toPNG(options));
});

const saveJPEG = () => save("image/jpeg", ".jpg", (mine, options) => {
    busy(true);
    return mine.file.toJPEG(options);
});

// ---- What is told

function tell(text) {
    at("status").textContent = text;
}

function busy(is) {
    const isFocused = at("work").contains(document.activeElement);
    at("work").hidden = !is;
    if (!is && isFocused) (document.querySelector("#problem:not([hidden]) button") ?? stage).focus();
    stage.setAttribute("aria-busy", is);
    progress(0);
}

function progress(part) {
    at("progress").value = part;
    at("percent").textContent = `${Math.round(100 * part)} %`;
}

const count = (number) => number.toLocaleString("en");

function rows(target, pairs) {
    target.replaceChildren(...pairs.flatMap(([name, value]) => {
        const term = document.createElement("dt");
        const what = document.createElement("dd");
        term.textContent = name;
        what.textContent = value;
        return [term, what];
    }));
}

function describe({ name, file, png }) {
    at("about").hidden = false;
    at("name").textContent = name;
    const samples = file.width * file.height * file.channels;
    const methods = {};
    for (const tile of file.tiles) for (const { name: method } of tile.methods) methods[method] = (methods[method] ?? 0) + 1;
    const inside = file.modelBytes ? ` (inside the file, ${count(file.modelBytes)} bytes)` : "";
    rows(at("facts"), [
        ["Image", `${file.width} × ${file.height}, ${file.kind}`],
        file.jpegBytes ? ["Keeps", `a JPEG file of ${count(file.jpegBytes)} bytes, as it was`]
            : ["Tiles", `${count(file.tileCount)} of at most ${file.tileSize} × ${file.tileSize}`],
        ...(file.jpegBytes ? [] : [["Methods", Object.entries(methods).map(([method, number]) => `${count(number)} ${method}`).join(", ")]]),
        ["Model", file.modelId ? file.modelId + inside : "none needed"],
    ]);
    const raw = file.kind === "one bit" ? Math.ceil(file.width / 8) * file.height : samples * file.sampleBytes;
    const sizes = [["This file", file.bytes], ["JPEG", file.jpegBytes || null], ["PNG", png ? png.length : null], ["Uncompressed", raw]];
    const titles = document.createElement("tr");
    titles.innerHTML = '<td></td><th scope="col">bytes</th><th scope="col">bits per sample</th>';
    at("sizes").replaceChildren(titles, ...sizes.filter(([, bytes]) => bytes !== null).map(([title, bytes]) => {
        const row = document.createElement("tr");
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = title;
        const number = row.insertCell();
        number.textContent = count(bytes);
        const bits = (8 * bytes) / samples;
        row.insertCell().textContent = bits.toFixed(bits < 0.1 ? 4 : 2);
        row.prepend(head);
        return row;
    }));
    at("metadata-box").hidden = !file.items.length;
    rows(at("metadata"), file.items.map((item) => [item.name || `type ${item.type}`, metadata(item)]));
    const damage = file.tiles.flatMap((tile, number) => tile.damaged
        ? [`tile ${number}: ${tile.width} × ${tile.height} pixels at ${tile.left}, ${tile.top}`] : []);
    if (file.damagedMetadata) damage.push("metadata");
    if (file.excessBytes) damage.push("bytes after the end of the file");
    at("damage-box").hidden = !damage.length;
    at("damage").replaceChildren(...damage.map((text) => {
        const entry = document.createElement("li");
        entry.textContent = text;
        return entry;
    }));
    drawTiles(file);
}

// An item of metadata in words.
function metadata({ type, data }) {
    const text = (bytes) => {
        const whole = new TextDecoder().decode(bytes);
        return whole.length > MOST_TEXT ? `${whole.slice(0, MOST_TEXT)}…` : whole;
    };
    let place = 0;
    const number = () => {
        let value = 0;
        for (let factor = 1; ; factor *= 128) {
            const byte = data[place++];
            value += (byte & 127) * factor;
            if (byte < 128) return value;
        }
    };
    const numbers = new DataView(data.buffer, data.byteOffset, data.byteLength);
    if (type === 3 || type === 9) return text(data);
    if (type === 4) {
        const parts = [0, 1, 2].map(() => {
            const length = number();
            place += length;
            return text(data.subarray(place - length, place));
        });
        return `${parts[0]}: ${text(data.subarray(place))}`;
    }
    if (type === 5) {
        const perInch = [0, 1, 2.54, 0.0254][data[place++]];
        const [a, b, c, d] = [number(), number(), number(), number()];
        const [x, y] = [a / b, c / d].map((value) => +(value * (perInch || 1)).toFixed(2));
        return (x === y ? `${x}` : `${x} × ${y}`) + (perInch ? " per inch" : "");
    }
    if (type === 6) return String(numbers.getUint32(0, true) / 100000);
    if (type === 8) return ["perceptual", "relative colorimetric", "saturation", "absolute colorimetric"][data[0]] ?? `intent ${data[0]}`;
    if (type === 11) return `${text(data.subarray(0, 4))}, ${count(data.length - 4)} bytes`;
    if (type === 12) return `${data[0]} bits`;
    return `${count(data.length)} bytes`;
}

function drawTiles(file) {
    const map = at("tiles");
    map.setAttribute("viewBox", `0 0 ${file.width} ${file.height}`);
    map.replaceChildren(...file.tiles.slice(0, 20000).map((tile) => {
        const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [name, value] of [["x", tile.left], ["y", tile.top], ["width", tile.width], ["height", tile.height]])
            box.setAttribute(name, value);
        if (tile.damaged) box.classList.add("damaged");
        return box;
    }));
}

function toggleTiles(on = at("map").getAttribute("aria-pressed") !== "true") {
    at("map").setAttribute("aria-pressed", on);
    at("tiles").toggleAttribute("hidden", !on);
}

// ---- The view

function place() {
    // The image may not be moved out of sight.
    const [width, height] = [canvas.width * view.scale, canvas.height * view.scale];
    const limit = (offset, size, room) => size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset));
    view.x = limit(view.x, width, stage.clientWidth);
    view.y = limit(view.y, height, stage.clientHeight);
    sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    sheet.classList.toggle("close-up", view.scale >= 2);
    at("zoom").textContent = `${+(100 * view.scale).toPrecision(3)} %`;
}

function fit() {
    view = { scale: Math.min(1, stage.clientWidth / canvas.width, stage.clientHeight / canvas.height), x: 0, y: 0, fitted: true };
    place();
}

function zoom(scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const least = Math.min(1, stage.clientWidth / canvas.width, stage.clientHeight / canvas.height) / 4;
    const next = Math.min(MOST_ZOOM, Math.max(least, scale));
    const by = next / view.scale;
    view = { scale: next, x: x - (x - view.x) * by, y: y - (y - view.y) * by, fitted: false };
    place();
}

function move(x, y) {
    view.x += x;
    view.y += y;
    place();
}

const pointers = new Map();
stage.addEventListener("pointerdown", (event) => {
    if (sheet.hidden || event.target.closest("#work")) return;
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    if (pointers.size === 1) {
        move(event.clientX - before.clientX, event.clientY - before.clientY);
    } else {
        const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
        const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        const box = stage.getBoundingClientRect();
        zoom((view.scale * distance(event)) / Math.max(1, distance(before)),
            (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    }
    pointers.set(event.pointerId, event);
});
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
stage.addEventListener("wheel", (event) => {
    if (sheet.hidden) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(view.scale * 2 ** (-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
new ResizeObserver(() => { if (!sheet.hidden) view.fitted ? fit() : place(); }).observe(stage);

const keys = {
    "+": () => zoom(view.scale * 1.5), "=": () => zoom(view.scale * 1.5), "-": () => zoom(view.scale / 1.5),
    0: fit, 1: () => zoom(1), t: () => toggleTiles(), T: () => toggleTiles(),
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
};
stage.addEventListener("keydown", (event) => {
    if (sheet.hidden || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
});
addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !at("work").hidden) at("cancel").click();
    if ((event.ctrlKey || event.metaKey) && event.key === "o") { event.preventDefault(); at("files").click(); }
    if ((event.ctrlKey || event.metaKey) && event.key === "s" && !at("save").disabled) { event.preventDefault(); savePNG(); }
});

// ---- Controls

at("choose").onclick = () => at("files").click();
at("files").onchange = () => { add(at("files").files); at("files").value = ""; };
at("save").onclick = savePNG;
at("save-jpeg").onclick = saveJPEG;
at("cancel").onclick = () => abort?.abort(new DOMException("cancelled", "AbortError"));
at("zoom-in").onclick = () => zoom(view.scale * 1.5);
at("zoom-out").onclick = () => zoom(view.scale / 1.5);
at("fit").onclick = fit;
at("actual").onclick = () => zoom(1);
at("map").onclick = () => toggleTiles();
at("list").onchange = () => show(Number(at("list").value));
addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    add(event.dataTransfer.files);
});

const linked = new URLSearchParams(location.search).get("src");
if (linked) {
    files.push({ name: linked.split("/").pop(), source: new URL(linked, location.href) });
    at("list").replaceChildren(new Option(files[0].name, 0));
    show(0);
}
