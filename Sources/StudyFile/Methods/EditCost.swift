/// What it takes to make a condition's edit, and its model by it, beside what is asked of that model.
package struct EditCost: Sendable, Equatable {
    /// Times that the coordinator goes over all weights of the linear maps.
    package var selections = 0
    /// What the workers do to all weights of the model, in times that they read another checkpoint's and add them.
    package var rewrites = 0
    /// A random number for each weight takes as long as so many.
    package static let draws = 3
    /// Masks that the edit holds, beside a mask file of the condition.
    package var masks = 0
    /// Files that the workers map beside the model.
    package var files: [String] = []
    /// Its settings leave the checkpoint as it is, to the bit: nothing is asked again.
    package var changesNothing = false

    package init(selections: Int = 0, rewrites: Int = 0, masks: Int = 0, files: [String] = []) {
        (self.selections, self.rewrites, self.masks, self.files) = (selections, rewrites, masks, files)
    }

    /// The coordinator chooses weights.
    package static let selection = EditCost(selections: 1)
    package static let nothing: EditCost = {
        var cost = EditCost()
        cost.changesNothing = true
        return cost
    }()
    /// A few numbers, or vectors.
    package static let settings = EditCost()
}
