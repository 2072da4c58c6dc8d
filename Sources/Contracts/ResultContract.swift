package import Tensors

/// What one stage's result of one task looks like: every tensor, its name, type, shape and values.
///
/// Workers are not believed: a broken machine, or a program that holds a key and is no worker, may send anything. What is
/// right in form and wrong in numbers is not noticed here.
package struct ResultContract: Sendable, Equatable {
    /// How long a dimension is.
    package enum Extent: Sendable, Equatable {
        case exactly(Int)
        /// The data decide: so many at most.
        case atMost(Int)

        var most: Int {
            switch self {
            case .exactly(let count), .atMost(let count): count
            }
        }

        func fits(_ count: Int) -> Bool {
            switch self {
            case .exactly(let wanted): count == wanted
            case .atMost(let most): (0...max(0, most)).contains(count)
            }
        }
    }

    package struct Tensor: Sendable, Equatable {
        package var name: String
        package var type: ElementType
        package var shape: [Extent]
        package var values: ValueRange

        package init(_ name: String, _ type: ElementType, _ shape: [Extent], _ values: ValueRange) {
            (self.name, self.type, self.shape, self.values) = (name, type, shape, values)
        }

        package init(_ name: String, _ type: ElementType, _ shape: [Int], _ values: ValueRange) {
            self.init(name, type, shape.map { .exactly($0) }, values)
        }

        /// Bytes at most; `Int.max` where that is beyond counting.
        var mostBytes: Int {
            shape.reduce(type.byteCount) { product, extent in
                let (next, overflow) = product.multipliedReportingOverflow(by: max(0, extent.most))
                return overflow ? .max : next
            }
        }

        var description: String {
            let sizes = shape.map { extent in
                switch extent {
                case .exactly(let count): "\(count)"
                case .atMost(let most): "at most \(most)"
                }
            }
            return "[\(sizes.joined(separator: ", "))]"
        }
    }

    package var tensors: [Tensor]
    /// Metadata that has to be there, with these values.
    package var metadata: [String: String] = [:]
    /// What no tensor shows by itself.
    package var relations: [ResultRelation] = []
    /// Bytes for the header and what stands in its metadata.
    package var headerBytes = 1 << 20

    package init(_ tensors: [Tensor] = []) { self.tensors = tensors }

    /// No such result is larger.
    package var mostBytes: Int {
        tensors.reduce(headerBytes) { sum, tensor in
            let (total, overflow) = sum.addingReportingOverflow(tensor.mostBytes)
            return overflow ? .max : min(total, .max - 1024) + 512
        }
    }

    /// What is wrong with a result's header, in words; `nil`: nothing.
    func fault(in header: SafetensorsHeader) -> String? {
        let wanted = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
        var found: Set<String> = []
        for entry in header.entries {
            let tensor = entry.tensor
            guard let expected = wanted[tensor.name], found.insert(tensor.name).inserted else {
                return "\(tensor.name): nobody asked for it"
            }
            guard tensor.type == expected.type else {
                return "\(tensor.name): its type is \(tensor.type.rawValue), not \(expected.type.rawValue)"
            }
            guard tensor.shape.count == expected.shape.count,
                zip(tensor.shape, expected.shape).allSatisfy({ $1.fits($0) })
            else { return "\(tensor.name): its shape is \(tensor.shape), not \(expected.description)" }
            guard entry.bytes.lowerBound % tensor.type.byteCount == 0 else {
                return "\(tensor.name): it does not begin at a multiple of its elements' size"
            }
        }
        if let missing = tensors.first(where: { !found.contains($0.name) }) { return "\(missing.name) is missing" }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where header.metadata[key] != value {
            return "its metadata says \(key) is \(header.metadata[key] ?? "nothing"), not \(value)"
        }
        return nil
    }

    /// What is wrong with a tensor's values, from element `first` on.
    func fault(in bytes: UnsafeRawBufferPointer, of tensor: TensorDescription, from first: Int = 0) -> String? {
        guard let range = tensors.first(where: { $0.name == tensor.name })?.values,
            let (index, value) = range.firstOutside(bytes, tensor.type)
        else { return nil }
        return "\(tensor.name): element \(first + index) is \(value)"
    }

    /// What is wrong between tensors that are right each by itself.
    func fault(in bundle: TensorBundle) -> String? {
        for relation in relations {
            if let fault = relation.fault(in: bundle) { return fault }
        }
        return nil
    }

    /// Everything at once, of a result in memory.
    package func check(_ bundle: TensorBundle) -> String? {
        let image = bundle.image()
        var scan = ResultScan(self, byteCount: image.byteCount)
        let piece = AlignedBuffer(byteCount: min(image.byteCount, 1 << 20), zeroed: false)
        for start in stride(from: 0, to: image.byteCount, by: 1 << 20) {
            let range = start..<min(image.byteCount, start + 1 << 20)
            image.copyBytes(range, into: piece.bytes)
            scan.take(UnsafeRawBufferPointer(rebasing: piece.bytes[..<range.count]))
        }
        return scan.finish { bundle }
    }
}
