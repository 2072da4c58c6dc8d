import Tensors

/// The members of a JSON object by type: what is absent is `nil`, what has another type is an error that names it.
struct Fields {
    let json: JSON
    let file: String
    /// Where the object stands in the file, for messages.
    var place = ""

    func malformed(_ fault: String) -> CheckpointError { CheckpointError(.malformed, file: file, place + fault) }
    func unsupported(_ fault: String) -> CheckpointError { CheckpointError(.unsupported, file: file, place + fault) }

    /// The value, where it is there and not null.
    func filled(_ key: String) -> JSON? { json[key].flatMap { $0.isNull ? nil : $0 } }

    /// - Parameter nullable: null means the same as absent.
    private func value<T>(
        _ key: String, nullable: Bool, _ kind: String, _ read: (JSON) -> T?
    ) throws(CheckpointError) -> T? {
        guard let value = json[key], !(nullable && value.isNull) else { return nil }
        guard let result = read(value) else { throw malformed("\(key) is not \(kind)") }
        return result
    }

    /// A number written without a point or exponent, as Python's `int`.
    func int(_ key: String, nullable: Bool = false) throws(CheckpointError) -> Int? {
        try value(key, nullable: nullable, "a whole number") { if case .integer(let value) = $0 { value } else { nil } }
    }

    func number(_ key: String, nullable: Bool = false) throws(CheckpointError) -> Double? {
        try value(key, nullable: nullable, "a finite number") { $0.double.flatMap { $0.isFinite ? $0 : nil } }
    }

    func flag(_ key: String, nullable: Bool = false) throws(CheckpointError) -> Bool? {
        try value(key, nullable: nullable, "true or false", \.boolean)
    }

    func text(_ key: String, nullable: Bool = false) throws(CheckpointError) -> String? {
        try value(key, nullable: nullable, "a text", \.string)
    }

    func list(_ key: String, nullable: Bool = false) throws(CheckpointError) -> [JSON]? {
        try value(key, nullable: nullable, "a list", \.elements)
    }

    func object(_ key: String, nullable: Bool = false) throws(CheckpointError) -> Fields? {
        try value(key, nullable: nullable, "an object") {
            $0.members == nil ? nil : Fields(json: $0, file: file, place: "\(place)\(key): ")
        }
    }

    /// A flag that has to be there.
    func required(flag key: String) throws(CheckpointError) -> Bool {
        guard let result = try flag(key) else { throw malformed("\(key) is missing") }
        return result
    }

    /// A text that has to be there.
    func required(text key: String) throws(CheckpointError) -> String {
        guard let result = try text(key) else { throw malformed("\(key) is missing") }
        return result
    }

    /// - Throws: where a key appears twice with different values (Python would take the last without a word).
    func checkedForDoubles() throws(CheckpointError) -> Fields {
        var seen: [ByteString: JSON] = [:]
        for member in json.members ?? [] {
            if let earlier = seen.updateValue(member.value, forKey: member.key), earlier != member.value {
                throw malformed("\(member.key.text) appears twice, with different values")
            }
            if member.value.members != nil {
                _ = try Fields(json: member.value, file: file, place: "\(place)\(member.key.text): ")
                    .checkedForDoubles()
            }
        }
        return self
    }
}
