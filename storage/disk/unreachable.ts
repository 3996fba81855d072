/** The volume of a piece cannot be asked now. This says nothing about the piece: it is not lost. */
export class UnreachableError extends Error {
  override readonly name: string = "UnreachableError";
}
