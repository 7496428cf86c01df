/** What of a file is wrong: `code` for programs, `message` for people. */
export class NellocError extends Error {
    readonly code: "memory" | "argument" | "damaged" | "unsupported" | "model" | "stopped" | "network";
}

export type Source = string | URL | Blob | ArrayBuffer | ArrayBufferView;

export interface Tile {
    left: number;
    top: number;
    width: number;
    height: number;
    damaged: boolean;
    /** One for each part that is coded apart: all, or colour and alpha. */
    methods: { name: string; bytes: number }[];
}

export interface Item {
    /** docs/FORMAT.md, section 11. */
    type: number;
    name: string;
    data: Uint8Array;
}

export interface OpenOptions {
    /** Model files that are neither in the file nor built in. */
    models?: Source[];
    /** Files of more pixels are refused; 2^27 if it is not given. */
    maxPixels?: number;
    /** Bytes that the decoder may take beside the file and its pixels; several workers share them. */
    memoryLimit?: number;
    /** Decode without vectors, for comparison: the pixels are the same. */
    plain?: boolean;
    signal?: AbortSignal;
}

export interface SaveOptions {
    signal?: AbortSignal;
    /** Pixels done, and in all, if they have to be decoded. */
    onProgress?: DecodeOptions["onProgress"];
    allowDamaged?: boolean;
}

export interface DecodeOptions {
    signal?: AbortSignal;
    /** Pixels done, and in all. */
    onProgress?(done: number, total: number): void;
    /** A tile that is finished, before the others are; or, with `isPreview`, a part of the image as far as it is known. */
    onTile?(tile: { left: number; top: number; width: number; height: number; pixels: Uint8ClampedArray; isPreview: boolean }): void;
    /** Fill damaged tiles with magenta, or gray, instead of failing. */
    allowDamaged?: boolean;
    /**
     * Workers that decode tiles side by side; with 1 all are decoded by the file's own. If it is not given, one for each
     * core of the machine, at most 4 for all files together, and 1 for small images.
     */
    workers?: number;
}

/** A file that is open, with a worker of its own until `close`. */
export class NlcFile {
    readonly bytes: number;
    readonly width: number;
    readonly height: number;
    /** In words: "RGB", "16-bit gray", ... */
    readonly kind: string;
    readonly channels: number;
    readonly sampleBytes: 1 | 2;
    readonly whiteBits: number;
    readonly tileSize: number;
    readonly tileCount: number;
    readonly modelId: string | null;
    readonly modelBytes: number;
    readonly items: Item[];
    readonly tiles: Tile[];
    readonly damagedTiles: number;
    readonly damagedMetadata: boolean;
    readonly excessBytes: boolean;
    /** Of the JPEG file that is kept byte for byte, which `toJPEG` gives; 0 if there is none. */
    readonly jpegBytes: number;
    decode(options?: DecodeOptions): Promise<ImageData>;
    /** `allowDamaged` is by default as `decode` was last asked. */
    toPNG(options?: SaveOptions & { ifQuick?: false }): Promise<Uint8Array>;
    toPNG(options: SaveOptions & { ifQuick: boolean }): Promise<Uint8Array | null>;
    toJPEG(options?: SaveOptions): Promise<Uint8Array>;
    close(): void;
}

export function open(source: Source, options?: OpenOptions): Promise<NlcFile>;
export function decode(source: Source, options?: OpenOptions & DecodeOptions): Promise<ImageData>;
/** What is told of an image that no canvas of the browser can hold. */
export const TOO_LARGE: string;
/** Give a canvas a size; null if the browser has no canvas so large. */
export function contextOf(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null;
/** Say where nelloc.wasm and nelloc-worker.js are, if not beside the module. */
export function configure(places: { wasm?: string | URL | ArrayBuffer | ArrayBufferView; worker?: string | URL }): void;

/** <nlc-img src alt allow-damaged>, which fires "load", "error" and "progress". */
export class NlcImage extends HTMLElement {
    src: string;
    alt: string;
    readonly canvas: HTMLCanvasElement;
}

declare global {
    interface HTMLElementTagNameMap {
        "nlc-img": NlcImage;
    }
}
