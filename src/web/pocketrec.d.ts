/** What a model is trained on: a file's bytes, columns, or made-up interactions. Each user's latest item is held out to test with. */
export type Data =
  | { ratings: Uint8Array; name?: string; titles?: Uint8Array; titlesName?: string }
  | { users: Uint32Array; items: Uint32Array; times?: Float64Array }
  | { planted: { users?: number; items?: number; perUser?: number; seed?: number } };

export interface Settings {
  /** `neumf` (the default), `gmf`, `mlp` or `mf`; `lightgcn` and `sasrec` in a build with `graphs` and `sequences`. */
  model?: string;
  factors?: number;
  epochs?: number;
  seed?: number;
  batchSize?: number;
  negatives?: number;
  learningRate?: number;
  /** Evaluations without a better one after which training stops; as many as there are epochs by default. It ends with the best. */
  patience?: number;
  /** `auto` (the default), `cpu` or `gpu`. */
  device?: string;
}

export interface Slice {
  /** Epochs completed. */
  epoch: number;
  epochs: number;
  /** Of the epoch that is under way, 0 to 1. */
  progress: number;
  loss?: number;
  /** HR@10 and NDCG@10 of the latest evaluation. */
  hr?: number;
  ndcg?: number;
  samplesPerSecond: number;
  /** Whether training is over: the parameters are those of the best epoch then. */
  done: boolean;
  /** The epochs that ended in this slice, in order. */
  ended: { epoch: number; loss: number; hr?: number; ndcg?: number }[];
}

export interface Scored {
  item: number;
  score: number;
}

export class Recommender {
  private constructor();
  static create(data: Data, settings?: Settings): Promise<Recommender>;
  static load(bytes: Uint8Array, device?: string): Promise<Recommender>;
  readonly device: string;
  readonly model: string;
  readonly users: number;
  readonly items: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Of the parameters. */
  readonly bytes: number;
  readonly done: boolean;
  userKey(user: number): string | undefined;
  itemKey(item: number): string | undefined;
  itemTitle(item: number): string | undefined;
  userId(key: string): number | undefined;
  itemId(key: string): number | undefined;
  history(user: number): Uint32Array;
  fitSlice(milliseconds: number): Promise<Slice>;
  recommend(user: number, k: number): Promise<Scored[]>;
  similarItems(item: number, k: number): Promise<Scored[]>;
  /** How well what most users have ranks. */
  popularity(): Promise<{ hr: number; ndcg: number }>;
  absorb(users: Uint32Array, items: Uint32Array): Promise<{ milliseconds: number }>;
  save(): Promise<Uint8Array>;
  export(what?: { rows?: 'f32' | 'f16' | 'i8'; users?: Uint32Array }): Promise<Uint8Array>;
  free(): void;
}
