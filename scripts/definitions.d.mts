export const definitions: Readonly<Record<string, string>>;
