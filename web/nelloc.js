// Images in .nlc files, decoded in a worker: an ES module, and the element <nlc-img src="...">. Types: nelloc.d.ts.

const STATUS = { "-1": "memory", "-2": "argument", "-3": "damaged", "-4": "unsupported", "-5": "model", "-6": "stopped" };
const MAX_PIXELS = 1 << 27;
const MEMORY_LIMIT = 3 * 2 ** 30;
const MOST_WORKERS = 4; // of all files that are decoded, unless a caller asks for others
const SLOW = new Set(["adaptive", "mixture", "learning", "two layers", "lattice"]);
const LEAST_SLOW = 1 << 17; // pixels of such tiles, with which several workers pay
const PART = 1 << 16; // pixels of small tiles that a worker decodes side by side

/** What is wrong with a file; `code` says it for programs. */
export class NellocError extends Error {
    constructor(message, code) {
        super(message);
        this.name = "NellocError";
        this.code = code;
    }
}

let module = null; // a promise of the compiled WebAssembly
let workerURL = null;

export const TOO_LARGE = "it is larger than this browser can show";

// Sides and pixels of canvases that all browsers have.
const SURE_SIDE = 16384;
const SURE_PIXELS = 1 << 24;

/** Give a canvas a size. Returns its context, or null if the browser has no canvas so large; it is of one pixel then. */
export function contextOf(canvas, width, height) {
    const shown = (Math.max(width, height) <= SURE_SIDE && width * height <= SURE_PIXELS) || isDrawn(width, height);
    canvas.width = shown ? width : 1;
    canvas.height = shown ? height : 1;
    return shown ? canvas.getContext("2d") : null;
}

// True if a canvas of this size shows what is drawn; larger ones stay empty without an error, and are of no use later.
function isDrawn(width, height) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    try {
        context.fillRect(width - 1, height - 1, 1, 1);
        return context.getImageData(width - 1, height - 1, 1, 1).data[3] > 0;
    } catch {
        return false;
    } finally {
        canvas.width = canvas.height = 0; // which frees it
    }
}

/** Say where the WebAssembly and the worker are, if not beside this module. */
export function configure({ wasm, worker } = {}) {
    if (wasm !== undefined) module = compile(wasm);
    if (worker !== undefined) workerURL = worker;
}

async function compile(wasm) {
    if (wasm instanceof ArrayBuffer || ArrayBuffer.isView(wasm)) return WebAssembly.compile(wasm);
    const response = await fetch(wasm);
    if (!response.ok) throw new NellocError(`the decoder cannot be loaded (${response.status})`, "unsupported");
    return WebAssembly.compile(await response.arrayBuffer());
}

function compiled() {
    module ??= compile(new URL("nelloc.wasm", import.meta.url));
    return module;
}

function newWorker() {
    return new Worker(workerURL ?? new URL("nelloc-worker.js", import.meta.url));
}

async function bytesOf(source, signal) {
    if (source instanceof ArrayBuffer) return source.slice(0);
    if (ArrayBuffer.isView(source)) return source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength);
    if (source instanceof Blob) return source.arrayBuffer();
    const response = await fetch(source, { signal });
    if (!response.ok) throw new NellocError(`${source}: cannot be fetched (${response.status})`, "network");
    return response.arrayBuffer();
}

/** A worker, and what it is asked. */
class Channel {
    #worker = newWorker();
    #waiting = new Map();
    #next = 1;

    constructor() {
        this.#worker.onmessage = ({ data }) => this.#receive(data);
        this.#worker.onerror = (event) => this.end(new NellocError(`the decoder failed (${event.message})`, "unsupported"));
    }

    get isOpen() { return this.#worker !== null; }

    ask(command, request, { transfer = [], ...listeners } = {}) {
        if (!this.#worker) return Promise.reject(closed());
        const id = this.#next++;
        return new Promise((resolve, reject) => {
            this.#waiting.set(id, { resolve, reject, ...listeners });
            this.#worker.postMessage({ id, command, ...request }, transfer);
        });
    }

    #receive({ id, event, ...data }) {
        const waiting = this.#waiting.get(id);
        if (!waiting) return;
        if (event === "progress") return waiting.onProgress?.(data.done, data.total);
        if (event === "tile") return waiting.onTile?.(data);
        this.#waiting.delete(id);
        if (event === "done") waiting.resolve(data.result);
        else waiting.reject(new NellocError(data.message, STATUS[data.status] ?? "unsupported"));
    }

    end(reason) {
        this.#worker?.terminate();
        this.#worker = null;
        for (const { reject } of this.#waiting.values()) reject(reason);
        this.#waiting.clear();
    }
}

const closed = () => new DOMException("the file was closed", "AbortError");
const areaOf = ({ width, height }) => width * height;
const workOf = (tile) => areaOf(tile) * tile.methods.length;

/** Regions that workers decode each on its own: a tile, or small ones that stand side by side. */
function partsOf(tiles) {
    const parts = [];
    for (const [number, tile] of tiles.entries()) {
        const before = parts.at(-1);
        const follows = before?.top === tile.top && before.height === tile.height && before.left + before.width === tile.left;
        if (follows && areaOf(before) + areaOf(tile) <= PART) {
            before.width += tile.width;
            before.count++;
        } else {
            const { left, top, width, height } = tile;
            parts.push({ left, top, width, height, first: number, count: 1 });
        }
    }
    return parts;
}

let helping = 0; // workers that decode parts, of all files

/** A file that is open, with a worker of its own until `close`, and more while it is decoded. */
export class NlcFile {
    #channel = new Channel();
    #helpers = [];
    #options = null;
    #allowDamaged = false;
    #turn = Promise.resolve(); // the decoding before

    /** @internal */
    async start(source, { models = [], maxPixels = MAX_PIXELS, memoryLimit = MEMORY_LIMIT, plain = false, signal } = {}) {
        const [module, data, ...own] = await Promise.all([
            compiled(), bytesOf(source, signal), ...models.map((model) => bytesOf(model, signal)),
        ]);
        this.bytes = data.byteLength;
        this.#options = { start: { module, models: own, plain }, maxPixels, memoryLimit };
        await this.#ask("start", this.#options.start, { signal });
        Object.assign(this, await this.#ask("open", { data, maxPixels, memoryLimit }, { signal, transfer: [data] }));
    }

    /** Decode to pixels of four bytes: red, green, blue and alpha. */
    decode(options = {}) {
        const turn = this.#turn.then(() => this.#decode(options));
        this.#turn = turn.catch(() => {});
        return turn;
    }

    async #decode({ signal, onProgress, onTile, allowDamaged = false, workers }) {
        this.#allowDamaged = allowDamaged;
        const listeners = { signal, onProgress, onTile };
        const parts = partsOf(this.tiles);
        const count = this.#workersFor(parts, allowDamaged, workers);
        if (count > 1) {
            try {
                return await this.#decodeTogether(parts, count, allowDamaged, listeners);
            } catch (error) {
                // Where there is too little memory for several workers, there may be enough for one.
                if (error.code === "damaged" || !this.#channel.isOpen) throw error;
            }
        }
        const { pixels, tiles } = await this.#ask("decode", { allowDamaged }, listeners);
        this.#know(tiles);
        return new ImageData(pixels, this.width, this.height);
    }

    /** The PNG file, with the metadata; with `ifQuick` null if that would take long. */
    async toPNG({ signal, onProgress, ifQuick = false, allowDamaged = this.#allowDamaged } = {}) {
        return (await this.#ask("png", { ifQuick, allowDamaged }, { signal, onProgress })).png;
    }

    /** The JPEG file that is kept byte for byte, where `jpegBytes` is not 0. */
    async toJPEG({ signal, onProgress, allowDamaged = this.#allowDamaged } = {}) {
        return (await this.#ask("jpeg", { allowDamaged }, { signal, onProgress })).jpeg;
    }

    /** Let go of the workers and their memory. What is under way is rejected. */
    close() {
        this.#end(closed());
    }

    /** How many workers decode: one where parts need what another has made, or where damage ends it at once. */
    #workersFor(parts, allowDamaged, wanted) {
        const methods = new Set(this.tiles.flatMap((tile) => tile.methods.map(({ name }) => name)));
        if (this.jpegBytes || methods.has("past") || (this.damagedTiles && !allowDamaged)) return 1;
        if (wanted !== undefined) return Math.min(wanted, parts.length);
        const slow = this.tiles.filter((tile) => tile.methods.some(({ name }) => SLOW.has(name)));
        if (slow.reduce((sum, tile) => sum + areaOf(tile), 0) < LEAST_SLOW) return 1;
        return Math.min(navigator.hardwareConcurrency ?? 1, MOST_WORKERS - helping, parts.length);
    }

    /** Decode parts in workers that share the memory that is allowed. The file's own worker puts them together. */
    async #decodeTogether(parts, count, allowDamaged, { signal, onProgress, onTile }) {
        const { start, maxPixels, memoryLimit } = this.#options;
        const pixels = new Uint8ClampedArray(4 * areaOf(this));
        const total = this.tiles.reduce((sum, tile) => sum + workOf(tile), 0);
        const done = new Array(parts.length).fill(0);
        const tiles = [...this.tiles];
        const waiting = [...parts.entries()];
        let left = parts.length;
        const abort = () => this.#end(signal.reason);
        await this.#ask("hold", {}, { signal });
        const { data } = await this.#ask("file", {}, { signal });
        const helpers = (this.#helpers = Array.from({ length: count }, () => new Channel()));
        helping += count;
        signal?.addEventListener("abort", abort, { once: true });
        const work = async (helper) => {
            await helper.ask("start", start);
            await helper.ask("open", { data, maxPixels, memoryLimit: Math.floor(memoryLimit / count) });
            while (waiting.length) {
                const [part, region] = waiting.shift();
                const told = (now) => {
                    done[part] = now;
                    onProgress?.(done.reduce((sum, pixels) => sum + pixels), total);
                };
                const found = await helper.ask("decode", { allowDamaged, region }, { onTile, onProgress: told });
                const stride = 4 * this.width;
                for (let y = 0; y < region.height; y++) {
                    const row = found.pixels.subarray(4 * region.width * y, 4 * region.width * (y + 1));
                    pixels.set(row, stride * (region.top + y) + 4 * region.left);
                }
                found.tiles.forEach((tile, number) => { tiles[region.first + number] = tile; });
                const kept = { region, pixels: found.pixels, isLast: --left === 0 };
                await this.#ask("keep", kept, { transfer: [found.pixels.buffer] });
            }
        };
        try {
            await Promise.all(helpers.map(work));
        } finally {
            signal?.removeEventListener("abort", abort);
            for (const helper of helpers) helper.end(closed());
            helping -= count;
        }
        this.#know(tiles);
        return new ImageData(pixels, this.width, this.height);
    }

    /** Take what decoding found of the tiles. */
    #know(tiles) {
        this.tiles = tiles;
        this.damagedTiles = tiles.filter((tile) => tile.damaged).length;
    }

    async #ask(command, request, { signal, ...rest } = {}) {
        if (signal?.aborted) {
            this.#end(signal.reason);
            throw signal.reason;
        }
        // A worker that decodes hears nothing: it is ended.
        const abort = () => this.#end(signal.reason);
        signal?.addEventListener("abort", abort, { once: true });
        try {
            return await this.#channel.ask(command, request, rest);
        } finally {
            signal?.removeEventListener("abort", abort);
        }
    }

    #end(reason) {
        for (const channel of [this.#channel, ...this.#helpers]) channel.end(reason);
    }
}

/** Open a file: an URL, a Blob or bytes. */
export async function open(source, options = {}) {
    const file = new NlcFile();
    try {
        await file.start(source, options);
    } catch (error) {
        file.close();
        throw error;
    }
    return file;
}

/** Decode a file to an ImageData. */
export async function decode(source, options = {}) {
    const file = await open(source, options);
    try {
        return await file.decode(options);
    } finally {
        file.close();
    }
}

const SHADOW = `<style>
:host { display: inline-block; max-width: 100%; }
canvas { display: block; max-width: 100%; height: auto; }
p { margin: 0; padding: .5em; border: 1px solid currentColor; font: inherit; }
[hidden] { display: none; }
</style><canvas role="img" part="image" hidden></canvas><p role="alert" part="error" hidden></p>`;

/** <nlc-img src alt allow-damaged>: fires "load", "error" and "progress". */
export class NlcImage extends (globalThis.HTMLElement ?? Object) {
    static observedAttributes = ["src", "alt"];
    #abort = null;

    constructor() {
        super();
        this.attachShadow({ mode: "open" }).innerHTML = SHADOW;
    }

    get src() { return this.getAttribute("src") ?? ""; }
    set src(value) { this.setAttribute("src", value); }
    get alt() { return this.getAttribute("alt") ?? ""; }
    set alt(value) { this.setAttribute("alt", value); }
    get canvas() { return this.shadowRoot.querySelector("canvas"); }

    connectedCallback() { this.#load(); }
    disconnectedCallback() { this.#abort?.abort(); }

    attributeChangedCallback(name, before, after) {
        if (name === "alt") this.#label();
        else if (this.isConnected && before !== after) this.#load();
    }

    #label() {
        this.canvas.setAttribute("aria-label", this.alt || this.src.split("/").pop());
    }

    async #load() {
        this.#abort?.abort();
        const abort = (this.#abort = new AbortController());
        const canvas = this.canvas;
        const problem = this.shadowRoot.querySelector("p");
        problem.hidden = true;
        this.#label();
        if (!this.src) {
            canvas.hidden = true;
            return;
        }
        let file = null;
        try {
            file = await open(new URL(this.src, document.baseURI).href, { signal: abort.signal });
            const context = contextOf(canvas, file.width, file.height);
            if (!context) throw new NellocError(TOO_LARGE, "unsupported");
            canvas.hidden = false;
            const image = await file.decode({
                signal: abort.signal,
                allowDamaged: this.hasAttribute("allow-damaged"),
                onTile: ({ left, top, width, height, pixels }) =>
                    context.putImageData(new ImageData(pixels, width, height), left, top),
                onProgress: (loaded, total) =>
                    this.dispatchEvent(new ProgressEvent("progress", { lengthComputable: true, loaded, total })),
            });
            context.putImageData(image, 0, 0);
            this.dispatchEvent(new Event("load"));
        } catch (error) {
            if (abort.signal.aborted) return;
            canvas.hidden = true;
            problem.textContent = `${this.alt || this.src}: ${error.message}`;
            problem.hidden = false;
            this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
        } finally {
            file?.close();
        }
    }
}

if (globalThis.customElements && !customElements.get("nlc-img")) customElements.define("nlc-img", NlcImage);
