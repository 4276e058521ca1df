export declare function filesUnder(folder: string): string[];
export declare function digestOf(root: string, files: readonly string[]): string;
