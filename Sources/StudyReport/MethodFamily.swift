package import Selection
package import StudyFile

/// Conditions that differ in numbers only: the points of one grid.
package struct MethodFamily: Hashable, Comparable, Sendable {
    package typealias Kind = ConditionFamily

    package var kind: Kind
    /// Scored block by block on the model already edited.
    package var isSequential: Bool

    package init(_ kind: Kind, isSequential: Bool = false) {
        self.kind = kind
        self.isSequential = isSequential
    }

    /// The order of tables and figures.
    package static func < (a: MethodFamily, b: MethodFamily) -> Bool {
        (a.kind.rawValue, a.isSequential ? 1 : 0) < (b.kind.rawValue, b.isSequential ? 1 : 0)
    }

    package var title: String { kind.title + (isSequential ? ", block by block" : "") }

    /// - Parameter extent: what the condition came to.
    package init(_ condition: Study.Condition, _ extent: EditExtent) {
        self.init(condition.method.family(extent), isSequential: condition.isSequential)
    }
}
