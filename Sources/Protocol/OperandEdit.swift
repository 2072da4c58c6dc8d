/// An edit that leaves the weights as they are and brings tensors that tasks compute with.
public enum OperandEdit {
    /// Value of the metadata `edit`.
    public static let kind = "operands"
}
