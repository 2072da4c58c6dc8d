/// Python's upper and lower case: the full mappings of Unicode, with the sigma that ends a word.
extension Text {
    private func mapped(_ change: (Int, Unicode.Scalar) -> String) -> Text {
        var result: [UInt32] = []
        result.reserveCapacity(units.count)
        for index in units.indices {
            let mark = units[index] & Text.mark
            result += change(index, Scalars.scalar(units[index])).unicodeScalars.map { $0.value | mark }
        }
        return Text(units: result)
    }

    var uppercased: Text { mapped { $1.properties.uppercaseMapping } }
    var lowercased: Text { mapped { lower($0, $1) } }

    private func lower(_ index: Int, _ scalar: Unicode.Scalar) -> String {
        scalar == "\u{3A3}" ? (isFinal(index) ? "\u{3C2}" : "\u{3C3}") : scalar.properties.lowercaseMapping
    }

    /// A letter stands before and none after, apart from what case ignores.
    private func isFinal(_ index: Int) -> Bool {
        func isCased(_ places: some Swift.Sequence<Int>) -> Bool {
            for place in places where !Scalars.scalar(units[place]).properties.isCaseIgnorable {
                return Scalars.isCased(units[place])
            }
            return false
        }
        return isCased((0..<index).reversed()) && !isCased(index + 1..<count)
    }

    /// As `str.capitalize`.
    var capitalized: Text {
        mapped { $0 == 0 ? $1.properties.titlecaseMapping : lower($0, $1) }
    }

    /// As `str.title`.
    var titlecased: Text {
        var isInWord = false
        return mapped { index, scalar in
            let result = isInWord ? lower(index, scalar) : scalar.properties.titlecaseMapping
            isInWord = scalar.properties.isCased
            return result
        }
    }

    var swappedCase: Text {
        mapped { index, scalar in
            if scalar.properties.isUppercase { return lower(index, scalar) }
            return scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(scalar)
        }
    }

    /// As Jinja's filter `title`: words begin after white space and `-({[<`.
    var jinjaTitle: Text {
        var result = Text(units: [])
        var word = Text(units: [])
        func close() {
            guard !word.isEmpty else { return }
            result += word[0..<1].uppercased + word[1..<word.count].lowercased
            word.units.removeAll()
        }
        for unit in units {
            if Scalars.isSpace(unit) || Array("-({[<".unicodeScalars).contains(Scalars.scalar(unit)) {
                close()
                result.units.append(unit)
            } else {
                word.units.append(unit)
            }
        }
        close()
        return result
    }

    private var cased: [Unicode.Scalar.Properties] {
        units.map { Scalars.scalar($0).properties }.filter {
            $0.isUppercase || $0.isLowercase || $0.generalCategory == .titlecaseLetter
        }
    }
    var isUpper: Bool { !cased.isEmpty && cased.allSatisfy(\.isUppercase) }
    var isLower: Bool { !cased.isEmpty && cased.allSatisfy(\.isLowercase) }

    func all(_ test: (UInt32) -> Bool) -> Bool { !isEmpty && units.allSatisfy(test) }
}
