import Selection
package import StudyFile

/// How far a condition of a landscape is from the model, along one random direction.
package struct LandscapeMove: Sendable, Equatable {
    /// What the points of one curve have in common, in words.
    package var direction: String
    /// In norms of each tensor.
    package var alpha: Double

    package init(direction: String, alpha: Double) { (self.direction, self.alpha) = (direction, alpha) }

    /// - Returns: `nil` for a point of a plane, of a direction that was read from a file, and for the model itself.
    package init?(_ method: any ConditionMethod) {
        guard let method = method as? LandscapeMethod, method.beta == nil, method.direction == nil, method.alpha != 0
        else { return nil }
        self.init(direction: method.directions, alpha: method.alpha)
    }
}

extension ConditionMethod {
    /// The condition whose model it repairs or defends; `nil`: none, or the unedited one.
    package var startsFrom: String? {
        switch self {
        case let repair as AntidoteMethod: repair.tuned
        case let repair as SafeLoRAMethod: repair.tuned
        case let repair as TaskVectorMethod: repair.isSafetyVector ? repair.base : nil
        case let defence as DefenceMethod: defence.base
        default: nil
        }
    }
}

extension TaskVectorMethod {
    /// What it adds leads from another model to the aligned one, as RESTA's; a way back from the base itself is no such vector.
    fileprivate var isSafetyVector: Bool { to == nil && from != nil && from != base && scale > 0 }
}
