import Checkpoint
import Tensors

/// The class of every unit of a model as safetensors: `class.WEIGHT` U8 [units] for every output and down projection, with
/// 0 safety, 1 utility, 2 complex, 3 redundant. Metadata: `format`, `version`, `attention` (what of attention is a unit).
public struct UnitClassFile: Sendable, Equatable {
    static let format = "faultline-units"
    private static let prefix = "class."

    public let attention: AttentionUnit
    /// In the order of the file.
    public let modules: [(weight: String, classes: [UnitClass])]
    public var metadata: [String: String]

    public static func == (a: Self, b: Self) -> Bool {
        a.attention == b.attention && a.metadata == b.metadata && a.modules.elementsEqual(b.modules, by: ==)
    }

    public init(_ classes: UnitClasses, metadata: [String: String] = [:]) {
        attention = classes.layout.attention
        modules = zip(classes.layout.modules, classes.classes).map { ($0.weight, $1) }
        self.metadata = metadata
    }

    /// - Throws: `TensorFileError`, or `SelectionError.file` where the file is none of this format.
    public init(path: String) throws {
        let bundle = try TensorBundle(safetensors: path)
        guard bundle.metadata["format"] == Self.format,
            let attention = bundle.metadata["attention"].flatMap({ AttentionUnit(rawValue: $0) })
        else { throw SelectionError.file(path, fault: "holds no classes of units (faultline units makes such a file)") }
        self.attention = attention
        modules = try bundle.entries.map { entry in
            guard entry.type == .u8, entry.name.hasPrefix(Self.prefix),
                entry.buffer.bytes.allSatisfy({ $0 < UnitClass.allCases.count })
            else { throw SelectionError.file(path, map: entry.name, fault: "holds no classes of units") }
            return (
                String(entry.name.dropFirst(Self.prefix.count)),
                entry.buffer.bytes.map { UnitClass.allCases[Int($0)] }
            )
        }
        metadata = Provenance.comparable(bundle.metadata)
    }

    /// - Throws: `TensorFileError` where the file cannot be written.
    public func write(to path: String) throws {
        let words = metadata.merging(
            ["format": Self.format, "version": Provenance.version, "attention": attention.rawValue]) { $1 }
        let entries = modules.map { module in
            let numbers = module.classes.map { UInt8(UnitClass.allCases.firstIndex(of: $0)!) }
            return TensorBundle.Entry(
                name: Self.prefix + module.weight, type: .u8, shape: [numbers.count],
                buffer: AlignedBuffer(bytes: numbers))
        }
        try TensorBundle(metadata: words, entries: entries).write(safetensors: path)
    }
}

/// How many units went from which class to which between two checkpoints of one architecture (arXiv 2410.10862, figures 5
/// and 6).
public struct UnitTransitions: Sendable, Equatable {
    /// Units by their class in the first file and in the second.
    public let counts: [UnitClass: [UnitClass: Int]]
    public let total: Int

    /// - Throws: `SelectionError.missing`, `.shape`, or `.file` where the files are of other units.
    public init(from first: UnitClassFile, _ firstName: String, to second: UnitClassFile, _ secondName: String)
        throws(SelectionError)
    {
        guard first.attention == second.attention else {
            throw .file(
                secondName,
                fault:
                    "a unit of its attention is a \(second.attention.rawValue), and in \(firstName) a \(first.attention.rawValue)"
            )
        }
        let others = Dictionary(second.modules.map { ($0.weight, $0.classes) }) { first, _ in first }
        guard others.count == first.modules.count else {
            throw .file(
                secondName, fault: "has \(others.count) projections, \(firstName) has \(first.modules.count)")
        }
        let empty = Dictionary(uniqueKeysWithValues: UnitClass.allCases.map { ($0, 0) })
        var counts = Dictionary(uniqueKeysWithValues: UnitClass.allCases.map { ($0, empty) })
        var total = 0
        for module in first.modules {
            guard let other = others[module.weight] else { throw .missing(map: module.weight, source: secondName) }
            guard other.count == module.classes.count else {
                throw .shape(map: module.weight, expected: [module.classes.count], found: [other.count])
            }
            for (before, after) in zip(module.classes, other) { counts[before]![after]! += 1 }
            total += other.count
        }
        (self.counts, self.total) = (counts, total)
    }
}
