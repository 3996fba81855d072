/** Texts for file errors; the system's own text has only a code and a call. */

const words: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder, expected a file",
  ENOTDIR: "a part of the path is a file, expected a folder",
  EACCES: "this user may not read or write it",
  EPERM: "this user may not change it",
  EEXIST: "it exists already",
  EROFS: "its file system takes no writes",
  ELOOP: "it is a symbolic link to itself",
  ENAMETOOLONG: "its name is too long",
};

/** Undefined if the error is not a known file error. */
export function fileReason(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? words[code] : undefined;
}

/** The text for a file error, else the error's own message. */
export function whyNot(error: unknown): string {
  return fileReason(error) ?? (error as Error).message;
}
