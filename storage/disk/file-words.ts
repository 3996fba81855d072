/** Why a file or folder cannot be used, in words: what the system says is a code and a call. */

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

/** Undefined: it is no error of that kind. */
export function fileReason(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? words[code] : undefined;
}

/** The reason, or what the error says of itself. */
export function whyNot(error: unknown): string {
  return fileReason(error) ?? (error as Error).message;
}
