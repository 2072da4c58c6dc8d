package import Checkpoint
package import Selection
package import Tensors

/// How a condition's model comes about, with its settings.
package protocol ConditionMethod: Sendable, Equatable {
    /// The keys of the study file that stand for it.
    static var keys: [String] { get }
    /// Keys of its settings that may hold a list, in the order in which they vary, the last one fastest.
    static func axes(of key: String) -> [ListAxis]
    /// The method as it is where the study file names it without settings; `nil`: it needs settings.
    static var withoutSettings: Self? { get }

    /// Reads its settings.
    /// - Throws: `InputError` with file, line and the key's path.
    init(_ entry: ConditionEntry) throws(InputError)
    /// The conditions that an entry stands for: one, or the cells of a grid.
    /// - Throws: `InputError`.
    static func conditions(_ entry: ConditionEntry) throws(InputError) -> [Study.Condition]

    /// Method and settings in words, for tables, reports and files.
    var title: String { get }
    /// What it is grouped with in the report.
    /// - Parameter extent: what the condition came to.
    func family(_ extent: EditExtent) -> ConditionFamily
    /// Its place in a grid: none, one or two settings.
    var coordinates: [GridAxis] { get }
    /// What random controls that differ in the seed of their draw alone have in common; `nil`: nothing is drawn.
    var drawnLike: String? { get }

    /// Files that it reads.
    var files: [String] { get }
    /// The data sets that it looks at, in the order its rankings or projections take them.
    var sides: [Study.Side] { get }
    /// Its weights are chosen by scores.
    var needsScores: Bool { get }
    /// Whether it can be made block by block.
    var sequence: BlockSequence { get }
    var making: Making { get }
    /// Earlier conditions whose changes of few ranks it is made of, as the fine-tuned one that is repaired.
    var builtOn: [String] { get }
    /// What the making of an edit takes; a selection by default.
    var cost: EditCost { get }
    /// Its edit acts on the very prompts that the evaluation puts, and on no others.
    var goesByPrompts: Bool { get }

    /// What no single key can tell.
    /// - Throws: `InputError` naming the key of the study.
    func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError)
    /// - Throws: `InputError` or `SelectionError` where the model does not allow it.
    func check(_ condition: Study.Condition, against config: ModelConfig) throws
    /// Checks that its files were made for this very model; by default there are none that say so.
    /// - Parameter model: the study's; its digest may take a while.
    /// - Throws: `InputError` or `SelectionError` naming the file and both models.
    func check(_ condition: Study.Condition, belongsTo model: () throws -> Provenance) throws
    /// What decides its weights beside the data of its sides and how they are cut.
    /// - Returns: `nil` where no words decide the weights.
    /// - Throws: what `known` throws.
    func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]?
}

extension ConditionMethod {
    package static var withoutSettings: Self? { nil }
    package func check(_ condition: Study.Condition, belongsTo model: () throws -> Provenance) throws {}
    package var drawnLike: String? { nil }
    package var builtOn: [String] { [] }
    package var cost: EditCost { .selection }
    package var goesByPrompts: Bool { false }

    /// One condition an entry, where a method has no grid of its own.
    /// - Throws: `InputError` with file, line and the key's path.
    package static func conditions(_ entry: ConditionEntry) throws(InputError) -> [Study.Condition] {
        [try condition(entry)]
    }

    /// The one condition that an entry stands for, by its own name or its key.
    static func condition(_ entry: ConditionEntry) throws(InputError) -> Study.Condition {
        let condition = Study.Condition(
            name: try entry.node.string("name") ?? entry.key, method: try Self(entry),
            isSequential: try entry.node.choice("order", as: BlockOrder.self) == .sequential)
        if condition.isSequential { try condition.method.sequence.check(condition, entry) }
        return condition
    }

    func isEqual(to other: any ConditionMethod) -> Bool { (other as? Self) == self }
}

/// An entry of the study file's conditions, with the key that names its method.
package struct ConditionEntry {
    let node: StudyNode
    let key: String
    /// Makes a path of the file absolute.
    let path: (String) -> String

    /// The method's own mapping.
    /// - Throws: `InputError` where it is missing or has other keys.
    func settings(_ keys: [String]) throws(InputError) -> StudyNode {
        try node.required(key) { key throws(InputError) in try node.mapping(key, keys: keys) }
    }
}

/// What the inputs of a study's conditions are known by.
package struct KnownInputs {
    /// The pairs of a side; `nil`: by nothing yet.
    package var data: (Study.Side) throws -> String?
    /// The file of a statistic of the study's own, by its name; `nil`: the study collects none of that name.
    package var statistic: (String) throws -> String?
    /// What the evaluation puts to every condition.
    package var prompts: [PutPrompt]
    /// The model of another condition; `nil`: no words decide it.
    package var editKey: (Study.Condition) throws -> String?

    package init(
        data: @escaping (Study.Side) throws -> String?, statistic: @escaping (String) throws -> String?,
        prompts: [PutPrompt], editKey: @escaping (Study.Condition) throws -> String?
    ) {
        (self.data, self.statistic, self.prompts, self.editKey) = (data, statistic, prompts, editKey)
    }
}

/// A setting that may hold a list, which makes a grid of the condition.
package struct ListAxis {
    var key: String
    /// What stands for the key in the points' names; `nil`: the key.
    var word: String?
    /// Its values are names of conditions; a grid's name stands for all of its points.
    var namesConditions = false
}

private enum BlockOrder: String, CaseIterable { case independent, sequential }

/// Whether blocks can be made one after the other, each on data that ran through the edited ones before it.
package enum BlockSequence: Sendable {
    case possible
    /// Blocks are compared with each other.
    case comparesBlocks
    /// No data decide.
    case withoutData

    func check(_ condition: Study.Condition, _ entry: ConditionEntry) throws(InputError) {
        switch self {
        case .possible: break
        case .comparesBlocks:
            throw entry.node.error("order", "= sequential edits block by block, and group: model compares blocks")
        case .withoutData:
            throw entry.node.error(
                "order", "= sequential goes with what data decide, not with \(condition.method.title)")
        }
    }
}

extension Study.Condition {
    /// What a fingerprint begins with where words and data decide the weights.
    var fingerprint: [String] { [method.title, isSequential ? "block by block" : "at once"] }

    package var isUnedited: Bool { if case .nothing = method.making { true } else { false } }
    /// It selects weights, or takes as many as a condition that does.
    package func makesMask(in study: Study) -> Bool {
        if case .mask = study.resolved(method.making) { true } else { false }
    }
    /// The fine-tuning run that makes it.
    package var fineTune: Study.FineTune? { if case .training(let settings) = method.making { settings } else { nil } }
    /// The condition whose size it has.
    package var imitated: String? { if case .like(let name, _) = method.making { name } else { nil } }

    package static func == (a: Self, b: Self) -> Bool {
        a.name == b.name && a.isSequential == b.isSequential && a.method.isEqual(to: b.method)
    }
}
