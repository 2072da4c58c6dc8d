/// Conditions that differ in numbers only are of one family. Each method's file has its own.
package struct ConditionFamily: Hashable, Sendable {
    /// What its points are held against.
    package indirect enum Control: Hashable, Sendable {
        /// Random weights, or ranks, of their size.
        case random
        case family(ConditionFamily)
    }

    /// Its place in tables and figures, and its number in their names.
    package let rawValue: Int
    package let title: String
    /// What a selection is compared with, not a method of its own.
    package let isControl: Bool
    package let control: Control

    package init(_ rawValue: Int, _ title: String, isControl: Bool = false, control: Control = .random) {
        (self.rawValue, self.title, self.isControl, self.control) = (rawValue, title, isControl, control)
    }
}

/// A setting by which a grid is laid out.
package struct GridAxis: Sendable, Equatable {
    package var name: String
    package var title: String
    package var value: Double

    package init(_ name: String, _ title: String, _ value: Double) {
        self.name = name
        self.title = title
        self.value = value
    }

    static func percent(_ name: String, _ value: Double) -> GridAxis {
        GridAxis("\(name), %", value == value.rounded() ? "\(Int(value))" : "\(value)", value)
    }
}
