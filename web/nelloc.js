// Images in .nlc files, decoded in a worker: an ES module, and the element <nlc-img src="...">. Types: nelloc.d.ts.

const STATUS = { "-1": "memory", "-2": "argument", "-3": "damaged", "-4": "unsupported", "-5": "model", "-6": "stopped" };
const MAX_PIXELS = 1 << 27;
const MEMORY_LIMIT = 3 * 2 ** 30;

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

/** A file that is open, with a worker of its own until `close`. */
export class NlcFile {
    #worker;
    #waiting = new Map();
    #next = 1;
    #allowDamaged = false;

    constructor(worker) {
        this.#worker = worker;
        worker.onmessage = ({ data }) => this.#receive(data);
        worker.onerror = (event) => this.#end(new NellocError(`the decoder failed (${event.message})`, "unsupported"));
    }

    /** @internal */
    async start(source, { models = [], maxPixels = MAX_PIXELS, memoryLimit = MEMORY_LIMIT, plain = false, signal } = {}) {
        const [compiledModule, data, ...own] = await Promise.all([
            compiled(), bytesOf(source, signal), ...models.map((model) => bytesOf(model, signal)),
        ]);
        this.bytes = data.byteLength;
        await this.#ask("start", { module: compiledModule, models: own, plain }, { signal });
        Object.assign(this, await this.#ask("open", { data, maxPixels, memoryLimit }, { signal, transfer: [data] }));
    }

    /** Decode to pixels of four bytes: red, green, blue and alpha. */
    async decode({ signal, onProgress, onTile, allowDamaged = false } = {}) {
        this.#allowDamaged = allowDamaged;
        const { pixels, tiles } = await this.#ask("decode", { allowDamaged }, { signal, onProgress, onTile });
        this.tiles = tiles;
        this.damagedTiles = tiles.filter((tile) => tile.damaged).length;
        return new ImageData(pixels, this.width, this.height);
    }

    /** The PNG file, with the metadata; with `ifQuick` null if that would take long. */
    async toPNG({ signal, onProgress, ifQuick = false } = {}) {
        return (await this.#ask("png", { ifQuick, allowDamaged: this.#allowDamaged }, { signal, onProgress })).png;
    }

    /** The JPEG file that is kept byte for byte, where `jpegBytes` is not 0. */
    async toJPEG({ signal, onProgress, allowDamaged = this.#allowDamaged } = {}) {
        return (await this.#ask("jpeg", { allowDamaged }, { signal, onProgress })).jpeg;
    }

    /** Let go of the worker and its memory. What is under way is rejected. */
    close() {
        this.#end(new DOMException("the file was closed", "AbortError"));
    }

    #ask(command, request, { signal, transfer = [], ...listeners } = {}) {
        if (!this.#worker) return Promise.reject(new DOMException("the file is closed", "AbortError"));
        if (signal?.aborted) {
            this.close();
            return Promise.reject(signal.reason);
        }
        const id = this.#next++;
        return new Promise((resolve, reject) => {
            // A worker that decodes hears nothing: it is ended.
            const abort = () => this.#end(signal.reason);
            signal?.addEventListener("abort", abort, { once: true });
            const settle = (how) => (value) => {
                signal?.removeEventListener("abort", abort);
                how(value);
            };
            this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject), ...listeners });
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

    #end(reason) {
        this.#worker?.terminate();
        this.#worker = null;
        for (const { reject } of this.#waiting.values()) reject(reason);
        this.#waiting.clear();
    }
}

/** Open a file: an URL, a Blob or bytes. */
export async function open(source, options = {}) {
    const file = new NlcFile(newWorker());
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
            canvas.width = file.width;
            canvas.height = file.height;
            canvas.hidden = false;
            const context = canvas.getContext("2d");
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
