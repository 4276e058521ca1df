/** What may be asked of a spool; apart from it, so that reading the settings loads nothing else. */

/** `fsync`: a record is on the disk before its caller hears of it. `os`: it is the kernel's then, and on the disk within a second. */
export const DURABILITIES = ["os", "fsync"] as const;
export type Durability = (typeof DURABILITIES)[number];

export const LEAST_CAP_BYTES = 2 * 1024 * 1024;
