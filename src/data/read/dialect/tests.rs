use super::*;

fn decided(text: &str) -> Dialect {
    let lines = Lines::of_bytes(text.into(), "file");
    Dialect::of(lines, &Wish::default()).unwrap().0
}

#[test]
fn the_delimiter_is_what_all_lines_agree_on() {
    for (text, delimiter, columns) in [
        ("1::2\n3::4\n", "::", 2),
        ("a b\tc\nd\te\n", "tab", 2),
        ("1,2 3\n4,5\n", ",", 2),
        ("u;i;3,5;7\nv;j;1,5;9\n", ";", 4),
        ("u;3,5\nv;1,5\n", ";", 2),
        ("u,a;b\nv,c\n", ",", 2),
        ("u,x,a;b\nv,y,c;d\n", ",", 3),
        ("1|2\n3|4\n", "|", 2),
        ("u|i|a,b\nv|j|c,d\n", "|", 3),
        ("1 2\n3  4\n", "space", 2),
        ("\"a,b\";\"c\"\n\"d,e\";\"f\"\n", ";", 2),
        ("\"u\"\t\"i\"\n\"v\"\t\"j\"\n", "tab", 2),
        ("user,item,at\nu,i,2020-01-01 10:00:00\n", ",", 3),
        ("sep=;\r\nuser;item\r\nu;i,j\r\n", ";", 2),
    ] {
        let got = decided(text);
        assert_eq!(got.splitting.delimiter, delimiter.parse().unwrap(), "{text:?}");
        assert_eq!(got.columns(), columns, "{text:?}");
    }
    assert!(decided("\"u\"\t\"i\"\n\"v\"\t\"j\"\n").splitting.quotes);
    // A title may begin with a quote; in a file of tabs that opens nothing.
    assert!(!decided("1\t\"Cats\" (1998)\n2\t\"x\"\n").splitting.quotes);
}

#[test]
fn headers_are_told_by_names_and_by_what_stands_below() {
    for (text, header) in [
        ("user,item\nann,tea\n", true),
        ("customer,product\nc0,p4\n", true),
        ("foo,bar\nc0,p4\nc1,p4\n", true),
        ("foo,bar,baz\nx,y,1.5\nz,y,2\n", true),
        ("user_id:token\titem_id:token\n0\t4\n", true),
        ("ann,tea\nbob,rice\nann,rice\n", false),
        ("c0,p4\nc1,p4\n", false),
        ("1,2\n3,4\n", false),
        ("ann,book\nbob,book\n", false),
    ] {
        assert_eq!(decided(text).header.is_some(), header, "{text:?}");
    }
    assert_eq!(decided("name,drink\nann,tea\nbob,rice\n").notes.len(), 1);
    assert!(decided("ann,tea\nann,rice\n").notes.is_empty());
}

#[test]
fn names_of_rows_and_empty_last_fields_are_no_columns() {
    let r = decided("\"user\" \"item\"\n\"1\" \"u0\" \"i4\"\n\"2\" \"u0\" \"i5\"\n");
    assert_eq!(
        (r.header.clone().unwrap(), r.columns()),
        (vec![String::new(), "user".into(), "item".into()], 3)
    );
    let surplus = decided("user,item\nu,i,\nv,j,\n");
    assert_eq!(
        surplus.width,
        Width::Of {
            fields: 2,
            surplus: true
        }
    );
    // Rows that are longer for no reason that is known are to be refused, not shifted.
    for text in ["user,item\nu,i,1,2\nu,j,3,4\n", "user,item\nu,i,x\nv,j,y\n"] {
        assert_eq!(decided(text).columns(), 2, "{text:?}");
    }
    for text in [
        "user,item\n1,u,i\n2,u,j\n",
        "user item\n17 u i\n5 u j\n",
        "user\titem\nx\tu\ti\ny\tu\tj\n",
    ] {
        assert_eq!(decided(text).columns(), 3, "{text:?}");
    }
}

#[test]
fn lists_are_rows_of_numbers_of_many_lengths() {
    for (text, lists) in [
        ("0 5 7\n1 13 11 0\n2 4\n", true),
        ("0\t5\t7\n1\t13\n", true),
        ("0,5,7,\n1,13,\n2,4,6,8,\n", true),
        ("0 5 7 \n1 \n", true),
        ("0 5 7\n1 13 11\n", false),
        ("0 5 7\n0 13 11 4\n", false),
        ("0 5 x\n1 13 11 4\n", false),
        ("0 5\n1\n", false),
    ] {
        assert_eq!(decided(text).lists, lists, "{text:?}");
    }
}
