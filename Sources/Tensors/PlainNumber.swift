/// A percentage as its user wrote it: "9.61", "10".
package func plainNumber(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
}
