//! Pages of a row group of which few rows are wanted. Most of the work for these is unpacking the dictionaries that their
//! codes lead into: dictionaries are kept for the next query.

use std::sync::Arc;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::chunks::Chunks;
use crate::segment::Asker;
use crate::segment::cache::{Place, Which};
use crate::segment::open::OpenSegments;

/// Where unpacked dictionaries and pages of terms of a segment are kept.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(in crate::segment) open: Arc<OpenSegments>,
    pub(in crate::segment) segment: u64,
    pub(in crate::segment) asker: Asker,
}

impl Keeper {
    /// A page of the index's terms that was kept.
    pub(in crate::segment) fn terms(&self, page: usize) -> Option<Arc<[u8]>> {
        self.open.columns.get(&self.terms_place(page), self.asker)?.terms()
    }

    /// Keeps a page of the index's terms.
    pub(in crate::segment) fn keep_terms(&self, page: usize, terms: &Arc<[u8]>) {
        self.open.columns.keep_terms(self.terms_place(page), terms, self.asker);
    }

    fn terms_place(&self, page: usize) -> Place {
        Place { segment: self.segment, group: page, column: Which::Terms }
    }
}

/// A row group as the Parquet reader asks for it.
pub(super) struct Pages {
    pub(super) chunks: Arc<Chunks>,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) group: usize,
    pub(super) keeper: Keeper,
}

impl Pages {
    fn row_group(&self) -> Result<&RowGroupMetaData> {
        let missing = || ParquetError::General("the file lacks a row group".into());
        self.metadata.row_groups().get(self.group).ok_or_else(missing)
    }
}

impl RowGroups for Pages {
    fn num_rows(&self) -> usize {
        self.row_group().map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0))
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        let missing = || ParquetError::General("a row group lacks a column".into());
        let chunk = self.row_group()?.columns().get(leaf).ok_or_else(missing)?;
        let index = self.metadata.page_index();
        let locations = index.and_then(|index| index.page_locations(self.group, leaf)).cloned();
        let pages =
            SerializedPageReader::new(Arc::clone(&self.chunks), chunk, self.num_rows(), locations)?;
        let reader = KeepingReader {
            pages,
            keeper: self.keeper.clone(),
            place: Place {
                segment: self.keeper.segment,
                group: self.group,
                column: Which::Dictionary(leaf),
            },
            coded: chunk.dictionary_page_offset().is_some(),
            skipped: false,
        };
        Ok(Box::new(OneChunk(Some(Box::new(reader)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().get(self.group).into_iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of the one row group.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Reads the pages of a column chunk, its dictionary only where none is kept.
struct KeepingReader {
    pages: SerializedPageReader<Chunks>,
    keeper: Keeper,
    place: Place,
    /// The next page is the dictionary.
    coded: bool,
    /// The dictionary was passed over; it may be asked for.
    skipped: bool,
}

impl KeepingReader {
    /// The dictionary, kept or made.
    fn dictionary(
        &mut self,
        make: impl FnOnce(&mut SerializedPageReader<Chunks>) -> Result<Option<Page>>,
    ) -> Result<Option<Page>> {
        let page = make(&mut self.pages)?;
        if let Some(page @ Page::DictionaryPage { .. }) = &page {
            self.keeper.open.columns.keep_page(self.place.clone(), page, self.keeper.asker);
        }
        Ok(page)
    }

    fn kept(&self) -> Option<Page> {
        self.keeper.open.columns.get(&self.place, self.keeper.asker)?.page()
    }
}

impl Iterator for KeepingReader {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for KeepingReader {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if !std::mem::take(&mut self.coded) {
            return self.pages.get_next_page();
        }
        if let Some(page) = self.kept() {
            self.pages.skip_next_page()?;
            return Ok(Some(page));
        }
        self.dictionary(PageReader::get_next_page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if std::mem::take(&mut self.coded) {
            self.skipped = true;
        }
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        true
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        if !std::mem::take(&mut self.skipped) {
            return Ok(None);
        }
        match self.kept() {
            Some(page) => Ok(Some(page)),
            None => self.dictionary(PageReader::take_deferred_dictionary),
        }
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}
