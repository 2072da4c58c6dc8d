import Checkpoint
import Contracts
import Foundation
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// Whatever a worker may send in the place of a result is noticed, for every kind of task.
@Suite(.timeLimit(.minutes(2))) struct ResultContractTests {
    private static func batches(_ count: Int) -> [Batch] {
        (0..<count).map { batch in
            Batch(
                sequences: (0..<3).map {
                    TokenSequence(tokens: (0..<12).map { Int32(3 + $0) }, scoredFrom: 4 + $0 + batch)
                })
        }
    }

    static let tasks: [(name: String, body: TaskBody)] = {
        let generation = TaskBody.Generation(
            prompts: [[1, 2], [3], [4, 5, 6]], slots: 2, maxNewTokens: 5, stopTokens: [2], temperature: 0, seed: 1,
            streams: [1, 2, 3])
        let training = TaskBody.Training(
            steps: [batches(1), batches(2)], firstStep: 0, parameters: .all, learningRate: 1)
        return [
            ("snip", .score(statistics: [.absoluteGradient(.mean)], batches: batches(2))),
            ("wanda", .score(statistics: [.inputSquares], batches: batches(2))),
            ("both", .score(statistics: [.absoluteGradient(.sum), .inputSquares], batches: batches(1))),
            ("moments", .score(statistics: [.secondMoments], batches: batches(1))),
            ("one layer", .score(statistics: [.inputSquares.ofLayer(1)], batches: batches(1))),
            ("likelihood", .likelihood(batches: batches(2))),
            ("heads", .score(statistics: [.headOutput], batches: batches(2))),
            ("generate", .generate(generation)), ("train", .train(training)), ("export", .export),
            ("checkpoint", .checkpoint), ("subspaces", .ranks(.init(kind: .subspaces, layer: 1))),
            ("factors", .ranks(.init(kind: .factors, layer: 1))),
            ("next tokens", .nextTokens(batches: batches(2), tokens: nil)),
            ("some next tokens", .nextTokens(batches: batches(2), tokens: [3, 4])),
        ]
    }()

    private static let model = Result { try Checkpoint.open(TinyModel.fixture) }

    private static func contract(_ body: TaskBody) throws -> ResultContract {
        let model = try model.get()
        var operands = TensorBundle()
        for map in LinearMap.allCases where map != .up {
            let name = Operand.name(
                Projector(source: 0, columns: [], isComplement: map == .down), step: 0, weight: map.weightName(layer: 1)
            )
            let rows = map.shape(in: model.config).rows
            operands.entries.append(
                .init(name: name, type: .f32, shape: [2, rows], buffer: AlignedBuffer(floats: 2 * rows)))
        }
        return TaskContract(body, of: model, operands: operands, trained: .init(parameters: .all, steps: 7))
            .result(of: 0..<model.config.layerCount)
    }

    /// A result that is as it should be.
    private static func valid(_ contract: ResultContract) -> TensorBundle {
        var bundle = TensorBundle(metadata: contract.metadata)
        for tensor in contract.tensors {
            var shape = tensor.shape.map { extent in
                switch extent {
                case .exactly(let count): count
                case .atMost(let most): min(most, 3)
                }
            }
            if tensor.name == "tokens" { shape = [6] }
            bundle.entries.append(entry(tensor.name, tensor.type, shape) { Double($0 % 2) })
        }
        return orthonormal(bundle)
    }

    /// Directions are columns of the identity; lengths add up; log-probabilities are below zero.
    private static func orthonormal(_ bundle: TensorBundle) -> TensorBundle {
        var bundle = bundle
        for index in bundle.entries.indices {
            let old = bundle.entries[index]
            if bundle["singular_values." + old.name] != nil {
                let columns = old.shape[1]
                bundle.entries[index] = entry(old.name, .f32, old.shape) { $0 / columns == $0 % columns ? 1 : 0 }
            }
            if old.name.hasPrefix("singular_values.") {
                bundle.entries[index] = entry(old.name, .f64, old.shape) { 9 - Double($0) }
            }
            if old.name == "lengths" { bundle.entries[index] = entry(old.name, .i32, old.shape) { _ in 2 } }
            if old.name.hasSuffix("log_probability") {
                bundle.entries[index] = entry(old.name, old.type, old.shape) { -Double($0) - 1e-7 }
            }
        }
        return bundle
    }

    private static func entry(
        _ name: String, _ type: ElementType, _ shape: [Int], _ value: (Int) -> Double
    ) -> TensorBundle.Entry {
        let count = shape.reduce(1, *)
        let buffer = AlignedBuffer(byteCount: count * type.byteCount)
        for index in 0..<count {
            switch type {
            case .f64: buffer.bytes.storeBytes(of: value(index), toByteOffset: index * 8, as: Double.self)
            case .f32: buffer.floats[index] = Float(value(index))
            case .i32: buffer.int32s[index] = Int32(value(index))
            default: buffer.bytes[index] = UInt8(value(index))
            }
        }
        return .init(name: name, type: type, shape: shape, buffer: buffer)
    }

    @Test(arguments: tasks) func whatIsRightIsTaken(task: (name: String, body: TaskBody)) throws {
        let contract = try Self.contract(task.body)
        #expect(!contract.tensors.isEmpty)
        #expect(contract.check(Self.valid(contract)) == nil)
    }

    /// Each tensor left out, twice as another, renamed, in another type and in other shapes; none at all; one more.
    @Test(arguments: tasks) func anotherFormIsNoticed(task: (name: String, body: TaskBody)) throws {
        let contract = try Self.contract(task.body)
        let good = Self.valid(contract)
        #expect(contract.check(TensorBundle(metadata: good.metadata)) != nil)
        var more = good
        more.entries.append(Self.entry("extra", .f32, [1]) { _ in 0 })
        #expect(contract.check(more) == "extra: nobody asked for it")
        for (index, old) in good.entries.enumerated() {
            func check(_ new: TensorBundle.Entry?, sourceLocation: SourceLocation = #_sourceLocation) {
                var bad = good
                bad.entries[index...index] = new.map { [$0] } ?? []
                #expect(contract.check(bad)?.contains(old.name) == true, sourceLocation: sourceLocation)
            }
            check(nil)
            check(Self.entry(old.name, old.type == .f32 ? .f64 : .f32, old.shape) { _ in 0 })
            check(Self.entry(old.name, .i64, old.shape) { _ in 0 })
            check(Self.entry(old.name, old.type, [1] + old.shape) { _ in 0 })
            check(Self.entry(old.name, old.type, [old.shape.reduce(1, *) + 10_000]) { _ in 0 })
            if old.shape.count == 2 {
                check(Self.entry(old.name, old.type, [old.shape[0] + 1, old.shape[1]]) { _ in 0 })
            }
            var renamed = good
            renamed.entries[index] = Self.entry(old.name + "x", old.type, old.shape) { _ in 0 }
            #expect(contract.check(renamed) != nil)
        }
    }

    /// Each tensor with a value that cannot be: at its beginning, in its middle, at its end.
    @Test(arguments: tasks) func aValueThatCannotBeIsNoticed(task: (name: String, body: TaskBody)) throws {
        let contract = try Self.contract(task.body)
        let good = Self.valid(contract)
        for (index, old) in good.entries.enumerated() where old.buffer.byteCount > 0 {
            let range = try #require(contract.tensors.first { $0.name == old.name }).values
            let isFloat = old.type == .f32 || old.type == .f64
            var wrong: [Double] = isFloat ? [.nan, .infinity, -.infinity] : []
            if range.low == 0, old.type != .u8 { wrong += [-1, -0.001].filter { isFloat || $0 == -1 } }
            if range.high < 1e6 { wrong.append(range.high + 1) }
            let count = old.shape.reduce(1, *)
            for value in wrong {
                for place in Set([0, count / 2, count - 1]) {
                    var bad = good
                    let size = old.type.byteCount
                    bad.entries[index] = Self.entry(old.name, old.type, old.shape) { element in
                        guard element != place else { return value }
                        return Self.value(old.buffer.bytes, element * size, old.type)
                    }
                    let fault = contract.check(bad)
                    #expect(
                        fault?.hasPrefix("\(old.name): element \(place) is") == true,
                        "\(value) at \(place): \(fault ?? "taken")")
                }
            }
        }
    }

    private static func value(_ bytes: UnsafeMutableRawBufferPointer, _ offset: Int, _ type: ElementType) -> Double {
        switch type {
        case .f64: bytes.load(fromByteOffset: offset, as: Double.self)
        case .f32: Double(bytes.load(fromByteOffset: offset, as: Float.self))
        case .i32: Double(bytes.load(fromByteOffset: offset, as: Int32.self))
        default: Double(bytes[offset])
        }
    }

    /// What no tensor shows by itself.
    @Test func tensorsThatContradictEachOtherAreNoticed() throws {
        func fault(_ task: Int, _ name: String, _ type: ElementType, _ shape: [Int], _ value: (Int) -> Double) throws
            -> String?
        {
            let contract = try Self.contract(Self.tasks[task].body)
            var bundle = Self.valid(contract)
            let index = try #require(bundle.entries.firstIndex { $0.name == name })
            bundle.entries[index] = Self.entry(name, type, shape, value)
            return contract.check(bundle)
        }
        #expect(try fault(7, "lengths", .i32, [3]) { _ in 1 } == "lengths: they add up to 3, and there are 6 tokens")
        #expect(try fault(7, "tokens", .i32, [5]) { _ in 1 } == "lengths: they add up to 6, and there are 5 tokens")
        let map = LinearMap.q.weightName(layer: 1)
        let rows = LinearMap.q.shape(in: try Self.model.get().config).rows
        #expect(try fault(11, map, .f32, [rows, 3]) { _ in 0 }?.contains("not orthonormal") == true)
        #expect(
            try fault(11, map, .f32, [rows, 3]) { $0 / 3 == $0 % 3 || $0 == 1 ? 1 : 0 }?.contains("not orthonormal")
                == true)
        #expect(
            try fault(11, map, .f32, [rows, 2]) { $0 / 2 == $0 % 2 ? 1 : 0 }
                == "singular_values.\(map): 3 values for 2 directions"
        )
        #expect(
            try fault(11, "singular_values.\(map)", .f64, [3]) { Double($0) }?.contains("larger than the one before")
                == true)
        let place = SecondMoments.places(of: try Self.model.get().config, layer: 0)[0]
        #expect(
            try fault(3, place.name, .f64, [place.packedCount]) { $0 == place.dimension ? -1 : 0 }?
                .contains("of the diagonal, is -1") == true)
        let contract = try Self.contract(.checkpoint)
        var bundle = Self.valid(contract)
        bundle.metadata["steps"] = "6"
        #expect(contract.check(bundle) == "its metadata says steps is 6, not 7")
    }

    /// Pieces of any size give the same verdict, also where they cut the header and elements.
    @Test(arguments: [1, 3, 7, 64, 1000, 1 << 20]) func piecesOfAnySize(size: Int) throws {
        let contract = try Self.contract(Self.tasks[2].body)
        let good = Self.valid(contract)
        func verdict(_ bundle: TensorBundle) -> String? {
            let bytes = bundle.image().bytes()
            var scan = ResultScan(contract, byteCount: bytes.count)
            for start in stride(from: 0, to: bytes.count, by: size) {
                bytes[start..<min(bytes.count, start + size)].withUnsafeBytes { scan.take($0) }
            }
            return scan.finish { bundle }
        }
        #expect(verdict(good) == nil)
        for place in [0, 1, good.entries.count - 1] {
            var bad = good
            let old = bad.entries[place]
            let last = old.shape.reduce(1, *) - 1
            bad.entries[place] = Self.entry(old.name, old.type, old.shape) { $0 == last ? -.infinity : 0 }
            #expect(verdict(bad) == "\(old.name): element \(last) is -inf")
        }
    }

    /// What is not the file that its task asks for: cut, longer, too large to be it, no file at all.
    @Test func bytesThatAreNoResultAreNoticed() throws {
        let contract = try Self.contract(Self.tasks[0].body)
        let bytes = Self.valid(contract).image().bytes()
        func verdict(_ bytes: [UInt8], as byteCount: Int? = nil) -> String? {
            var scan = ResultScan(contract, byteCount: byteCount ?? bytes.count)
            bytes.withUnsafeBytes { scan.take($0) }
            return scan.finish { TensorBundle() }
        }
        #expect(verdict(bytes) == nil)
        #expect(verdict(Array(bytes.dropLast())) != nil)
        #expect(verdict(bytes + [0]) != nil)
        #expect(verdict([]) != nil)
        #expect(verdict(Array(repeating: 0xFF, count: 100)) != nil)
        #expect(verdict([], as: 1 << 46)?.contains("at most") == true)
    }

    /// A stage has what its own layers bring, and no more.
    @Test func stagesShareTheModel() throws {
        let model = try Self.model.get()
        let count = model.config.layerCount
        for (_, body) in Self.tasks {
            let contract = TaskContract(body, of: model, trained: .init(parameters: .all, steps: nil))
            let whole = contract.result(of: 0..<count).tensors.map(\.name).sorted()
            let parts = [0..<1, 1..<count].flatMap { contract.result(of: $0).tensors.map(\.name) }.sorted()
            #expect(whole == parts)
        }
    }
}
