import Selection
package import Tensors

/// Draws from data sets with a named stream of the run's seed.
package enum Sampling {
    /// `count` items in file order, or all of them.
    /// - Parameter name: the stream's name, so that two data sets of a run draw apart.
    /// - Throws: `InputError` where there are fewer than asked for.
    package static func sample<T>(_ items: [T], count: Int?, seed: UInt64, name: String, source: String)
        throws(InputError) -> [T]
    {
        guard let count else { return items }
        guard count > 0 else { throw InputError(source, "cannot take \(count) samples; ask for at least one") }
        guard count <= items.count else {
            throw InputError(source, "\(count) samples were asked for, the file has \(items.count)")
        }
        return RandomStream(seed: seed, name: "sample/\(name)").sample(count, of: items.count).sorted().map {
            items[$0]
        }
    }

    /// One line where prompts that are evaluated were also calibrated on; `nil` where none was.
    package static func overlapWarning(calibration: [String], evaluation: [String], name: String) -> String? {
        let seen = Set(calibration.map { Array(trimmed($0).utf8) })
        let both = evaluation.count { seen.contains(Array(trimmed($0).utf8)) }
        guard both > 0 else { return nil }
        return
            "\(both) of \(evaluation.count) \(name) prompts of the evaluation are also in this data: their results are not held out"
    }
}
